#include "server/routes/answer_choice.h"

#include "server/http/http_error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

const std::vector<FieldSpec> kOutputSpecs = {{"outputs", FieldKind::kText, ""}};

std::string chosen(const std::string& accept, const std::string& outputs = "") {
  Fields::Json object = Fields::Json::object();
  if (!outputs.empty()) object["outputs"] = outputs;
  std::string names;
  try {
    for (const OutputKind* kind : wanted_outputs(Fields(object, kOutputSpecs), accept)) {
      names += (names.empty() ? "" : ",") + std::string(kind->name);
    }
  } catch (const HttpError& error) {
    return std::to_string(error.status());
  } catch (const Error&) {
    return "422";
  }
  return names;
}

TEST_CASE("Accept decides what is answered where nothing is named") {
  CHECK(chosen("") == "json");
  CHECK(chosen("*/*") == "json");
  CHECK(chosen("image/png") == "mask");
  CHECK(chosen("image/*") == "mask");
  CHECK(chosen("image/jpeg, image/png;q=0.5") == "overlay-jpeg");
  CHECK(chosen("image/tiff") == "geotiff");
  CHECK(chosen("application/x-npy") == "scores");
  CHECK(chosen("text/html, application/json;q=0.1") == "json");
  CHECK(chosen("*/*;q=0.1, image/png") == "mask");
  CHECK(chosen("application/json;q=0, image/png") == "mask");
  CHECK(chosen("text/html") == "406");
  CHECK(chosen(",;=,q") == "406");
}

TEST_CASE("outputs that are named must be acceptable") {
  CHECK(chosen("", "overlay") == "overlay");
  CHECK(chosen("image/png", "overlay") == "overlay");
  CHECK(chosen("application/json", "overlay") == "406");
  CHECK(chosen("application/json", "overlay,rle") == "overlay,rle");
  CHECK(chosen("image/png", "overlay,rle") == "406");
  CHECK(chosen("", "magic") == "422");
  CHECK(chosen("", "rle,rle") == "422");
  CHECK(chosen("", "per-class") == "422");
  CHECK(chosen("", ",") == "422");
}

}  // namespace
}  // namespace sclip
