// The photos of a run, and where the outputs of each go.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace sclip {

struct PhotoJob {
  std::filesystem::path photo;
  std::filesystem::path folder;  // of the outputs
  std::string prefix;            // of their names: "" for a single photo, else "<stem>."

  std::filesystem::path output(const std::string& name) const { return folder / (prefix + name); }
};

// Inputs are files, taken as they are, and folders, searched for pictures all the way down in sorted order
// (hidden entries, links to folders and the output folder itself are left out).
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
