// The files of this process that have no final name yet, so that a program that ends before its time can remove them.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>

namespace sclip::temporary_files {

// Held while a temporary file is made, removed or renamed, and never longer. A program that ends early takes it,
// calls `remove_all` and keeps it: then nothing comes after.
std::mutex& mutex();
using Lock = std::lock_guard<std::mutex>;

// Each is called with the mutex held.
void remember(const std::filesystem::path& path);  // a file, or an empty folder
void forget(const std::filesystem::path& path);
void remove_all() noexcept;

// ".sclip-PID-NUMBER": what the name of a temporary file of this process ends in.
std::string suffix(unsigned number);
// Removes those in `folder` that a process left behind which is gone: killed, or cut off from power. Younger than an
// hour they stay: a process of another machine may be writing them. Returns how many; what cannot be read or removed
// stays.
int remove_stale(const std::filesystem::path& folder) noexcept;

}  // namespace sclip::temporary_files
