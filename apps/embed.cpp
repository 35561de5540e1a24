// sclip embed: texts or photos as CLIP embeddings in a .npy file.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/console.h"
#include "apps/line_list.h"
#include "apps/load_photo.h"
#include "apps/model_path.h"
#include "apps/photo_list.h"
#include "apps/run_options.h"
#include "apps/subcommands.h"
#include "core/file.h"
#include "results/output_transaction.h"
#include "results/own_files.h"
#include "sclip/error.h"
#include "sclip/session.h"

namespace sclip {
namespace {

struct EmbedFlags {
  ModelFlags model;
  SegmentFlags windows;
  PhotoFlags picture;
  std::vector<std::string> texts;
  std::string texts_from;
  std::vector<std::string> images;
  std::string files_from;
  std::string out;
  std::string names;
  bool dense = false;
  bool truncate = false;
  bool overwrite = false;
};

// What the rows are of: texts, or photos.
struct Rows {
  std::vector<std::string> texts;
  std::vector<std::string> photos;

  const std::vector<std::string>& names() const { return texts.empty() ? photos : texts; }
};

Rows gather_rows(const EmbedFlags& flags) {
  const bool texts = !flags.texts.empty() || !flags.texts_from.empty();
  const bool photos = !flags.images.empty() || !flags.files_from.empty();
  SCLIP_CHECK(
      texts != photos, kInvalidArgument,
      "give --text or --image (or a file of them, --texts-from or --files-from), and not both: one file holds one "
      "kind of embedding");
  Rows rows;
  if (texts) {
    rows.texts = flags.texts;
    if (!flags.texts_from.empty()) {
      const auto read = read_line_list(flags.texts_from, "--texts-from");
      rows.texts.insert(rows.texts.end(), read.begin(), read.end());
    }
  } else {
    const PhotoList list = list_photos(gather_inputs(flags.images, flags.files_from), {});
    if (const std::string left_out = list.left_out(); !left_out.empty()) print_message(left_out);
    for (const PhotoJob& job : list.jobs) rows.photos.push_back(job.photo.string());
  }
  SCLIP_CHECK(!flags.dense || rows.photos.size() == 1, kInvalidArgument, "--dense takes exactly one photo as --image");
  return rows;
}

// Arrays and plain texts cannot say who wrote them, so that one which is there already may be anybody's.
void check_targets(const EmbedFlags& flags, const Rows& rows) {
  OverwriteGuard guard(/*anything=*/true);
  for (const std::string& photo : rows.photos) guard.protect(photo);
  for (const std::string& list : {flags.files_from, flags.texts_from, find_model(flags.model.model).string()}) {
    if (!list.empty()) guard.protect(list);
  }
  for (const std::string& target : {flags.out, flags.names}) {
    if (target.empty()) continue;
    guard.check(target);
    SCLIP_CHECK(flags.overwrite || !std::filesystem::exists(target), kIo, "cannot write ", target,
                ": it is there already; choose another name, or replace it with --overwrite");
    const std::filesystem::path folder = std::filesystem::path(target).parent_path();
    if (!folder.empty()) make_output_folder(folder);
  }
  std::error_code error;
  const auto place = [&](const std::string& file) { return std::filesystem::weakly_canonical(file, error); };
  SCLIP_CHECK(flags.names.empty() || place(flags.names) != place(flags.out), kInvalidArgument,
              "--names and --out cannot both be ", flags.out);
}

struct Embeddings {
  std::vector<float> data;
  Shape shape;
};

Embeddings embed(Session& session, const EmbedFlags& flags, const Rows& rows, const Engine& engine) {
  const Shape shape{static_cast<int64_t>(rows.names().size()), engine.config().embed_dim};
  if (!rows.texts.empty()) return {session.embed_texts(rows.texts, flags.truncate), shape};
  ThreadPool& pool = engine.thread_pool();
  if (flags.dense) {
    auto dense =
        session.dense_features(flags.picture.load(rows.photos[0], pool).view(), flags.windows.options(engine.config()));
    return {std::move(dense.data), {dense.windows, dense.grid_h, dense.grid_w, dense.embed_dim}};
  }
  Embeddings all{{}, shape};
  for (const std::string& photo : rows.photos) {
    const std::vector<float> one = session.embed_image(flags.picture.load(photo, pool).view());
    all.data.insert(all.data.end(), one.begin(), one.end());
  }
  return all;
}

int run_embed(const EmbedFlags& flags) {
  const Rows rows = gather_rows(flags);
  check_targets(flags, rows);
  const auto engine = flags.model.load();
  Session session(engine);
  const Embeddings e = embed(session, flags, rows, *engine);

  OutputTransaction files;
  if (!flags.names.empty()) {
    std::string names;
    for (const std::string& name : rows.names()) names += one_line(name) + "\n";
    files.add(flags.names, names);
  }
  const std::span<float> array = files.add_npy(flags.out, e.shape);
  std::copy(e.data.begin(), e.data.end(), array.begin());
  files.commit();
  // The text tower computes in f32 whatever the image tower does.
  const std::string_view precision = rows.texts.empty() ? to_string(engine->device().precision) : "f32";
  std::printf("wrote %s: f32 %s, computed on %s in %s\n", one_line(flags.out).c_str(), to_string(e.shape).c_str(),
              engine->device().name.c_str(), std::string(precision).c_str());
  return kExitDone;
}

}  // namespace

void add_embed(CLI::App& app, const ChooseSubcommand& choose) {
  auto flags = std::make_shared<EmbedFlags>();
  CLI::App* embed = app.add_subcommand("embed", "Write CLIP embeddings of texts or photos to a .npy file");
  // One value per flag: a text may begin with anything.
  embed->add_option("--text", flags->texts, "a text; repeat it for more rows")->allow_extra_args(false);
  embed->add_option("--texts-from", flags->texts_from, "a file with a text a line, or -: standard input");
  embed
      ->add_option("--image", flags->images,
                   "a picture, or a folder of pictures; -: a picture from standard input; repeat it for more rows")
      ->allow_extra_args(false);
  embed->add_option("--files-from", flags->files_from, "a file with a photo's path a line, or -: standard input");
  embed->add_flag("--dense", flags->dense,
                  "all patches of all windows (windows, h, w, E) instead of one row a picture");
  embed->add_option("-o,--out", flags->out, "the .npy file")->type_name("FILE")->required();
  embed->add_option("--names", flags->names, "a file to write with a line for each row: the text, or the photo's path");
  embed->add_flag("--overwrite", flags->overwrite, "replace the files if they are there already");
  embed->add_flag("--truncate", flags->truncate, "cut texts that are too long for the model instead of refusing them");
  flags->windows.add_to(*embed, /*with_scores=*/false);
  flags->model.add_to(*embed);
  flags->picture.add_to(*embed);
  embed->footer(
      "Examples:\n"
      "  sclip embed --text \"a photo of a cat\" --text \"a photo of a dog\" -o texts.npy\n"
      "  sclip embed --image photos/ -o photos.npy --names photos.txt\n"
      "  sclip embed --texts-from captions.txt -o captions.npy\n");
  embed->callback([flags, choose] { choose([flags] { return run_embed(*flags); }); });
}

}  // namespace sclip
