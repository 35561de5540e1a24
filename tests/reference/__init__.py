"""An independent, plain PyTorch implementation of what sclip computes: the oracle of the parity tests and goldens.

It shares no code with the engine, holds every intermediate in full, and runs in f32 or f64. Modules, in the
order of the data flow:

  image           photo → resized u8 → normalised f32          weights         state dicts, model dimensions
  windows         where the crops lie                          random_weights  weights that notice every mistake
  vision          windows → unit patch features                policies        attention of the last block
  text            class names × templates → text bank          configurations  the published settings
  labels          cosines → scores → labels                    segment         all of it, from photo to labels
  pamr            refinement of the planes                     make_pamr_goldens  writes tests/data/pamr
  make_goldens    the command that writes tests/data/goldens
"""
