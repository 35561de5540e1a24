"""The engines that benchmarks/peers.py compares, each a process of its own behind one line protocol.

A contestant loads, prepares and checks itself, then writes `ready {json}`. For every line `run` on its standard
input it does the work once and writes the seconds it took; `quit` ends it.
"""
