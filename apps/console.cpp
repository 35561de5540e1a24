#include "apps/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "sclip/error.h"

namespace sclip {

std::string one_line(std::string_view text) {
  std::string out(text);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

void print_message(std::string_view text) {
  const std::string line = "sclip: " + one_line(text) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call: stdio locks the stream
}

std::string counted(size_t count, std::string_view noun) {
  return str(count, " ", noun, count == 1 ? "" : noun.ends_with('s') ? "es" : "s");
}

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

int terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace sclip
