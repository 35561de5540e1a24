#include "server/http/token.h"

#include "core/file.h"
#include "sclip/error.h"
#include "server/http/message.h"

namespace sclip {
namespace {

constexpr size_t kShortest = 16;

}  // namespace

BearerToken::BearerToken(const std::filesystem::path& file) {
  if (file.empty()) return;
  const std::string text = read_text_file(file);
  token_ = text.substr(0, text.find_first_of("\r\n"));
  SCLIP_CHECK(token_.size() >= kShortest, kInvalidArgument, "the token in ", file.string(), " has ", token_.size(),
              " characters: its first line must have ", kShortest, " or more, as `openssl rand -hex 32` makes them");
}

bool BearerToken::fits(const std::string& header) const {
  constexpr std::string_view kScheme = "Bearer ";
  const IgnoreCase less;
  const std::string_view scheme = std::string_view(header).substr(0, kScheme.size());
  if (less(scheme, kScheme) || less(kScheme, scheme)) return false;
  const std::string_view given = std::string_view(header).substr(kScheme.size());
  unsigned different = given.size() == token_.size() ? 0 : 1;
  for (size_t i = 0; i < token_.size(); ++i) {
    different |= static_cast<unsigned char>(token_[i]) ^ static_cast<unsigned char>(i < given.size() ? given[i] : 0);
  }
  return different == 0;
}

}  // namespace sclip
