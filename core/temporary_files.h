// The files of this process that have no final name yet, so that a program that ends before its time can remove them.
#pragma once

#include <filesystem>
#include <mutex>

namespace sclip::temporary_files {

// Held while a temporary file is made, removed or renamed, and never longer. A program that ends early takes it,
// calls `remove_all` and keeps it: then nothing comes after.
std::mutex& mutex();
using Lock = std::lock_guard<std::mutex>;

// Each is called with the mutex held.
void remember(const std::filesystem::path& path);  // a file, or an empty folder
void forget(const std::filesystem::path& path);
void remove_all() noexcept;

}  // namespace sclip::temporary_files
