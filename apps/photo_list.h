// The photos of a run, and where the outputs of each go.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "results/run_facts.h"

namespace sclip {

struct PhotoJob {
  std::filesystem::path photo;
  OutputPlace place;
};

// Inputs are files, taken as they are, and folders, searched for pictures all the way down in sorted order
// (hidden entries, links to folders and the output folder itself are left out; where it is searched, because it is an
// input, what is called like an output).
//
// One file: `out/mask.png`. Otherwise `out/<stem>.mask.png`, below a folder with its relative path, and with
// each folder's name when several are given. Photos that would share a name keep their extension (a.jpg.mask.png),
// and those that still would get a number.
//
// Throws kNotFound for an input that is not there and for folders without a picture.
std::vector<PhotoJob> list_photos(std::span<const std::string> inputs, const std::filesystem::path& out);

// Whether the name ends like a picture that can be decoded.
bool looks_like_photo(const std::filesystem::path& path);

}  // namespace sclip
