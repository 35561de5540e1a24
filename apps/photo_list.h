// The photos of a run, and where the outputs of each go.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "results/run_facts.h"

namespace sclip {

inline constexpr std::string_view kStandardInput = "-";  // as a photo, or as a list of them

struct PhotoJob {
  std::filesystem::path photo;  // or kStandardInput
  OutputPlace place;
};

struct PhotoList {
  std::vector<PhotoJob> jobs;
  // What folders held besides, for people.
  size_t own_outputs = 0;                 // of earlier runs
  std::map<std::string, size_t> foreign;  // pictures of formats that are not read: "HEIC" → how many
  std::vector<std::string> locked;        // folders that may not be searched

  // One line on what was left out; empty when nothing was.
  std::string left_out() const;
};

// Inputs are files, taken as they are, folders, searched for pictures all the way down in sorted order (hidden
// entries, links to folders, the output folder and what sclip wrote itself are left out), and at most once "-": a
// picture from standard input.
//
// One file: `out/mask.png`, or `out/<stem>.mask.png` if `named`. Otherwise `out/<stem>.mask.png`, below a folder with
// its relative path, and with each folder's name when several are given. Photos that would share a name keep their
// extension (a.jpg.mask.png), and those that still would get a number; names that differ in case only are the same
// name, since to some file systems they are.
//
// Throws kNotFound for an input that is not there and for folders without a picture; kIo for pipes and devices.
PhotoList list_photos(std::span<const std::string> inputs, const std::filesystem::path& out, bool named = false);

// `inputs`, and behind them those listed in the file `files_from`, unless that is empty.
std::vector<std::string> gather_inputs(std::span<const std::string> inputs, const std::string& files_from);

}  // namespace sclip
