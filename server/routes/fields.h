// Fields: what a request says, whether as JSON, as a form, as a bare picture or behind the path's question mark.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sclip/class_list.h"
#include "server/http/message.h"
#include "server/routes/field_spec.h"

namespace sclip {

class Fields {
 public:
  using Json = nlohmann::ordered_json;

  // Everything of the request is looked at: an unknown field, one that is given twice or is not of its kind is an
  // HttpError, and so is a body that cannot be read. `request` outlives the object.
  Fields(const HttpRequest& request, std::span<const FieldSpec> specs);

  // Of an object of JSON alone.
  Fields(const Json& object, std::span<const FieldSpec> specs);

  // Words that did not come as a field.
  void set_classes(ClassList classes) { classes_ = std::move(classes); }
  const std::optional<ClassList>& classes() const { return classes_; }

  const Json* find(std::string_view name) const;  // null: not given
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::string text(std::string_view name, std::string_view unless = "") const;
  bool flag(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

  struct PhotoFile {
    std::string_view bytes;
    std::string name;
  };
  const std::optional<PhotoFile>& photo() const { return photo_; }

 private:
  const FieldSpec& spec(std::string_view name) const;
  void add_text(std::string_view name, const std::string& text);
  void add_json(std::string_view name, const Json& value);
  void add(const FieldSpec& spec, Json value);
  void read_object(const Json& json);
  void read_form(const HttpRequest& request);

  std::span<const FieldSpec> specs_;
  std::map<std::string, Json, std::less<>> values_;
  std::optional<PhotoFile> photo_;
  std::optional<ClassList> classes_;
  std::string decoded_;  // a photo that came as Base64
};

// Throws HttpError 422 about a field.
[[noreturn]] void refuse_field(std::string_view name, const std::string& why);

// JSON of a body. Throws HttpError 400 for what is none, and for what is nested beyond reason.
Fields::Json parse_json_body(std::string_view text);

}  // namespace sclip
