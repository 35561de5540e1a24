// sclip embed: texts or photos as CLIP embeddings in a .npy file.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "apps/console.h"
#include "apps/load_photo.h"
#include "apps/run_options.h"
#include "apps/subcommands.h"
#include "io/npy.h"
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
  std::vector<std::string> images;
  std::string out;
  bool dense = false;
  bool truncate = false;
  bool overwrite = false;
};

// A .npy file cannot say who wrote it, so that one which is there already may be anybody's.
void check_target(const EmbedFlags& flags, const std::filesystem::path& out) {
  OverwriteGuard guard(/*anything=*/true);
  for (const std::string& image : flags.images) guard.protect(image);
  guard.check(out);
  SCLIP_CHECK(flags.overwrite || !std::filesystem::exists(out), kIo, "cannot write ", out.string(),
              ": it is there already; choose another --out, or replace it with --overwrite");
}

struct Embeddings {
  std::vector<float> data;
  Shape shape;
};

Embeddings embed_images(Session& session, const EmbedFlags& flags, int64_t embed_dim, ThreadPool& pool) {
  Embeddings all{{}, {static_cast<int64_t>(flags.images.size()), embed_dim}};
  for (const std::string& file : flags.images) {
    const std::vector<float> one = session.embed_image(flags.picture.load(file, pool).view());
    all.data.insert(all.data.end(), one.begin(), one.end());
  }
  return all;
}

Embeddings embed_densely(Session& session, const EmbedFlags& flags, const SegmentOptions& options, ThreadPool& pool) {
  auto dense = session.dense_features(flags.picture.load(flags.images[0], pool).view(), options);
  return {std::move(dense.data), {dense.windows, dense.grid_h, dense.grid_w, dense.embed_dim}};
}

int run_embed(const EmbedFlags& flags) {
  SCLIP_CHECK(flags.texts.empty() != flags.images.empty(), kInvalidArgument,
              "give --text or --image, and not both: one file holds one kind of embedding");
  SCLIP_CHECK(!flags.dense || flags.images.size() == 1, kInvalidArgument, "--dense takes exactly one --image");
  const std::filesystem::path out(flags.out);
  check_target(flags, out);
  if (out.has_parent_path()) make_output_folder(out.parent_path());

  const auto engine = flags.model.load();
  Session session(engine);
  const int64_t embed_dim = engine->config().embed_dim;
  Embeddings e;
  if (!flags.texts.empty()) {
    e = {session.embed_texts(flags.texts, flags.truncate), {static_cast<int64_t>(flags.texts.size()), embed_dim}};
  } else if (flags.dense) {
    e = embed_densely(session, flags, flags.windows.options(engine->config()), engine->thread_pool());
  } else {
    e = embed_images(session, flags, embed_dim, engine->thread_pool());
  }
  write_npy(out, {e.data.data(), DType::kF32, e.shape});
  // The text tower computes in f32 whatever the image tower does.
  const std::string_view precision = flags.texts.empty() ? to_string(engine->device().precision) : "f32";
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
  embed->add_option("--image", flags->images, "a picture; repeat it for more rows")->allow_extra_args(false);
  embed->add_flag("--dense", flags->dense,
                  "all patches of all windows (windows, h, w, E) instead of one row a picture");
  embed->add_option("-o,--out", flags->out, "the .npy file")->required();
  embed->add_flag("--overwrite", flags->overwrite, "replace the file if it is there already");
  embed->add_flag("--truncate", flags->truncate, "cut texts that are too long for the model instead of refusing them");
  flags->windows.add_to(*embed, /*with_scores=*/false);
  flags->model.add_to(*embed);
  flags->picture.add_to(*embed);
  embed->callback([flags, choose] { choose([flags] { return run_embed(*flags); }); });
}

}  // namespace sclip
