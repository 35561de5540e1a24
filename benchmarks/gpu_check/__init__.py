"""gpu-check: one command that judges the CUDA backend on the machine at hand. Standard library only.

  place       where programs and data lie          libraries   CUDA's libraries and the packed ones
  machine     driver, card, tools                  commands    a command with a time limit and a log
  step        what a step is and gives             schedule    runs steps until the time is out
  steps/      the steps, a file each               report      gpu.json, gpu.md, the table
  arrays      .npy and .png                        main        the command line
"""
