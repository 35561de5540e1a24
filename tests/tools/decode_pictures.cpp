// decode_pictures [--salvage] [--rows N] [--stb] [--repeat N] FILE …: for tests that compare with other decoders.
//
// For each file a line of JSON: {"width": …, "height": …, "damage": …} or {"error": …}. The pixels go to FILE.rgb.
// "seconds" is what the best of --repeat N decodings took. With --rows the decoder is asked for N rows at a time, and
// the orientation is not applied; --stb takes JPEG's decoder of builds without libjpeg.
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "core/file.h"
#include "core/stopwatch.h"
#include "io/decode/formats.h"
#include "io/picture_file.h"
#include "sclip/error.h"

namespace {

struct Options {
  bool salvage = false;
  bool stb = false;
  int64_t rows = 0;
  int repeat = 1;
};

void write_pixels(const std::string& file, const sclip::Image& image) {
  std::ofstream out(file + ".rgb", std::ios::binary);
  out.write(reinterpret_cast<const char*>(image.rgb.data()), static_cast<std::streamsize>(image.rgb.size()));
  if (!out) sclip::fail(sclip::ErrorCode::kIo, "cannot write ", file, ".rgb");
}

sclip::Image decode_by_rows(const std::string& file, const Options& options, nlohmann::json& answer) {
  const sclip::MappedFile map(file);
  const sclip::PictureFormat* format = sclip::find_picture_format(map.bytes(), file);
  SCLIP_CHECK(format != nullptr && format->open != nullptr, kUnsupported, file, " is in no format that is decoded");
  const auto reader = options.stb ? sclip::open_jpeg_stb(map.bytes()) : format->open(map.bytes());
  const auto& header = reader->header();
  if (options.salvage) reader->salvage();
  sclip::Image image(static_cast<int>(header.width), static_cast<int>(header.height));
  const int64_t step = options.rows > 0 ? options.rows : header.height;
  for (int64_t y = 0; y < header.height; y += step) {
    reader->read(image.rgb.data() + y * header.width * 3, std::min(step, header.height - y));
  }
  answer = {{"width", image.width}, {"height", image.height}, {"damage", reader->damage()}};
  return image;
}

sclip::Image decode_whole(const std::string& file, const Options& options, nlohmann::json& answer) {
  sclip::ThreadPool pool(1);
  sclip::PictureFile picture(file, {.salvage = options.salvage});
  sclip::Image image = picture.load(pool);
  answer = {{"width", image.width}, {"height", image.height}, {"damage", picture.damage()}};
  return image;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--salvage") {
      options.salvage = true;
    } else if (argument == "--stb") {
      options.stb = true;
    } else if (argument == "--repeat" && i + 1 < argc) {
      options.repeat = std::atoi(argv[++i]);
    } else if (argument == "--rows" && i + 1 < argc) {
      options.rows = std::atoi(argv[++i]);
    } else {
      try {
        const bool by_rows = options.rows > 0 || options.stb;
        nlohmann::json answer;
        double best = 1e9;
        for (int n = 0; n < options.repeat; ++n) {
          sclip::Stopwatch watch;
          const sclip::Image image =
              by_rows ? decode_by_rows(argument, options, answer) : decode_whole(argument, options, answer);
          best = std::min(best, watch.lap());
          if (n + 1 == options.repeat) write_pixels(argument, image);
        }
        answer["seconds"] = best;
        std::cout << answer << std::endl;
      } catch (const sclip::Error& error) {
        std::cout << nlohmann::json{{"error", error.what()}, {"code", sclip::to_string(error.code())}} << std::endl;
      } catch (const std::exception& error) {
        std::cout << nlohmann::json{{"error", error.what()}, {"code", "exception"}} << std::endl;
      }
    }
  }
  return 0;
}
