// The letters that shapes are written in, everywhere: comments, tensors.csv, FORMAT.md, docs.
//
//   H0, W0  photo, as decoded            H, W    photo, resized
//   B       windows in a batch           P       patch size in pixels
//   h, w    patch grid of a window       N       tokens of a window: 1 + h·w
//   C       width of a tower             F       width of its MLP (4·C)
//   A       heads                        d       head_dim = C / A
//   L       layers                       E       joint embedding of image and text
//   V       vocabulary                   T       text context (77)
//   K       queries (a class has ≥ 1)    Q       classes
//   M, n, k rows, columns and depth of a GEMM
//
// Arrays are row-major and contiguous; the last letter is the fastest.
#pragma once
