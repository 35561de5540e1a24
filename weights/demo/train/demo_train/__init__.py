"""Trains the bundled demo model: a small CLIP, from photographs and the words of what they and their crops show."""
import os

# Threads that wait by spinning make a training ten times slower where other programs run. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
