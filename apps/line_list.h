// Lists that the command reads: a line each, from a file or standard input.
#pragma once

#include <string>
#include <vector>

namespace sclip {

// Lines that are not empty, with LF or CRLF at their ends and perhaps a byte order mark before the first; or pieces
// that end in NUL, where `nul_too` and there is one. `file` may be kStandardInput. Throws kNotFound for a list without
// one, saying what `flag` wants; kIo.
std::vector<std::string> read_line_list(const std::string& file, const char* flag, bool nul_too = false);

}  // namespace sclip
