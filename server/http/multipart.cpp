#include "server/http/multipart.h"

#include "sclip/error.h"
#include "server/http/http_error.h"
#include "server/http/message.h"

namespace sclip {
namespace {

constexpr size_t kMostPartHeader = 8192;

[[noreturn]] void refuse_multipart(const std::string& why) {
  throw HttpError(400, "bad_multipart", "the body is not multipart/form-data: " + why);
}

FormPart parse_headers(std::string_view text, size_t number) {
  FormPart part;
  bool named = false;
  while (!text.empty()) {
    const size_t end = std::min(text.find("\r\n"), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 2, text.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) refuse_multipart(str("part ", number, " has a header line without a colon"));
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (same_name(line.substr(0, colon), "Content-Type")) part.type = value;
    if (!same_name(line.substr(0, colon), "Content-Disposition")) continue;
    part.name = media_parameter(value, "name");
    part.file_name = media_parameter(value, "filename");
    named = !part.name.empty();
  }
  if (!named) refuse_multipart(str("part ", number, " has no name in a Content-Disposition"));
  return part;
}

}  // namespace

std::vector<FormPart> parse_multipart(std::string_view body, std::string_view boundary) {
  if (boundary.empty() || boundary.size() > 70)
    refuse_multipart("its Content-Type names no boundary of 1 to 70 characters");
  const std::string delimiter = "\r\n--" + std::string(boundary);
  const std::string_view first = std::string_view(delimiter).substr(2);
  std::vector<FormPart> parts;
  size_t at = 0;
  if (!body.starts_with(first)) {  // a preamble before the first boundary
    at = body.find(delimiter);
    if (at == std::string_view::npos) refuse_multipart("the boundary of its Content-Type does not stand in it");
    at += 2;
  }
  at += first.size();
  for (;;) {
    if (body.substr(at, 2) == "--") return parts;  // the last boundary
    while (at < body.size() && (body[at] == ' ' || body[at] == '\t')) ++at;
    if (body.substr(at, 2) != "\r\n") refuse_multipart("a boundary is not followed by a line end");
    at += 2;
    if (parts.size() == kMostParts) refuse_multipart(str("it has more than ", kMostParts, " parts"));
    // A part without headers has its blank line at once.
    const bool bare = body.substr(at, 2) == "\r\n";
    const size_t blank = bare ? at : body.find("\r\n\r\n", at);
    if (blank == std::string_view::npos || blank - at > kMostPartHeader) {
      refuse_multipart(str("part ", parts.size() + 1, " has no end of its headers within ", kMostPartHeader, " bytes"));
    }
    FormPart part = parse_headers(body.substr(at, blank - at), parts.size() + 1);
    at = blank + (bare ? 2 : 4);
    // An empty part's boundary begins with the line end of the blank line.
    const size_t end = body.substr(at).starts_with(first) ? at : body.find(delimiter, at);
    if (end == std::string_view::npos)
      refuse_multipart(str("it ends within part ", parts.size() + 1, " ('", part.name, "')"));
    part.content = body.substr(at, end - at);
    parts.push_back(std::move(part));
    at = end + (end == at && body.substr(at).starts_with(first) ? first.size() : delimiter.size());
  }
}

}  // namespace sclip
