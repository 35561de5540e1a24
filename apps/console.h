// Console: what the command says on stderr, a line at a time, whole lines from any thread.
#pragma once

#include <string>
#include <string_view>

namespace sclip {

// Exit codes of the command.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFound = 1;  // doctor's
inline constexpr int kExitError = 2;
inline constexpr int kExitInterrupted = 130;

// `text` as one printable line: every control byte becomes a blank. File names may hold anything.
std::string one_line(std::string_view text);

// "sclip: " + one_line(text) on stderr.
void print_message(std::string_view text);

// "1 photo", "2 photos"
std::string counted(size_t count, std::string_view noun);

bool stderr_is_terminal();
int terminal_columns();  // of stderr; 80 when unknown

}  // namespace sclip
