// sclip explain: what a photo's model sees at a point: where its patch looks, what looks like it, which words fit.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/console.h"
#include "apps/load_photo.h"
#include "apps/model_path.h"
#include "apps/photo_list.h"
#include "apps/run_options.h"
#include "apps/subcommands.h"
#include "apps/table.h"
#include "io/png_write.h"
#include "results/explanation.h"
#include "results/output_transaction.h"
#include "results/own_files.h"
#include "sclip/error.h"
#include "sclip/policies.h"
#include "sclip/session.h"

namespace sclip {
namespace {

constexpr size_t kMostWordMaps = 36;
constexpr std::string_view kMaps = "maps.png", kWords = "words.png", kJson = "explain.json", kArrays = "maps.npy";

struct ExplainCommand {
  ModelFlags model;
  ClassFlags classes;
  SegmentFlags reading;
  PhotoFlags picture;
  std::string photo_file;
  std::vector<std::string> points;
  std::string out = "out";
  std::string map_name = "attention";
  std::vector<int> blocks;
  std::string head = "mean";
  bool word_maps = false;
  bool arrays = false;
  bool overwrite = false;
  int top = 10;
  int cell_pixels = 0;

  int run() const;

 private:
  bool has_words() const {
    return word_maps || classes.classes_given || !classes.classes_file.empty() || !reading.request.config.empty();
  }
  std::filesystem::path file(std::string_view name) const { return std::filesystem::path(out) / name; }
  void check_targets() const;
  // Options under each of the policies that were named.
  std::vector<SegmentOptions> all_options(const ModelConfig& config) const;
  std::vector<MapColumn> look(Session& session, const Image& photo, const MapRequest& request,
                              const std::vector<SegmentOptions>& policies, const TextBank* bank) const;
  void split_heads(std::vector<PatchMap> maps, const MapColumn& column, std::vector<MapColumn>& columns) const;
  Image cell_of(const Image& photo, size_t columns) const;
  Explanation wish() const;
  // Pictures and arrays, into the transaction and the list of what is written.
  void add_maps(Explanation& what, const Image& photo, ThreadPool& pool, OutputTransaction& files) const;
  void add_words(Explanation& what, Session& session, const Image& photo, const TextBank& bank,
                 const std::vector<SegmentOptions>& policies, RunFacts& facts, OutputTransaction& files) const;
};

PhotoPoint parse_point(const std::string& text) {
  PhotoPoint point;
  const char* const end = text.data() + text.size();
  const auto x = std::from_chars(text.data(), end, point.x);
  const bool comma = x.ec == std::errc{} && x.ptr != end && *x.ptr == ',';
  const auto y = comma ? std::from_chars(x.ptr + 1, end, point.y) : x;
  SCLIP_CHECK(comma && y.ec == std::errc{} && y.ptr == end, kInvalidArgument, "--point '", text,
              "' is no point: write X,Y in pixels of the photo, as in 320,200");
  return point;
}

// The head that is meant; none for "mean" and "each".
std::optional<int> parse_head(const std::string& text) {
  if (text == "mean" || text == "each") return std::nullopt;
  int head = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), head);
  SCLIP_CHECK(error == std::errc{} && end == text.data() + text.size() && head >= 1, kInvalidArgument, "--head '", text,
              "' is none: write mean, each, or a head's number, counted from 1");
  return head;
}

void ExplainCommand::check_targets() const {
  OverwriteGuard guard(overwrite);
  for (const std::string& input :
       {photo_file, find_model(model.model).string(), classes.classes_file, classes.templates}) {
    if (!input.empty() && input != kStandardInput) guard.protect(input);
  }
  for (const std::string_view name : {kMaps, kWords, kJson}) guard.check(file(name));
  // An array cannot say who wrote it.
  if (arrays) guard.check(file(kArrays));
  make_output_folder(out);
}

std::vector<SegmentOptions> ExplainCommand::all_options(const ModelConfig& config) const {
  std::vector<SegmentOptions> all;
  // None: the recipe's, or the usual one.
  if (reading.request.policy.empty()) return {resolve(reading.request, config)};
  for (const std::string& policy : split_policies(reading.request.policy)) {
    SegmentRequest request = reading.request;
    request.policy = policy;
    all.push_back(resolve(request, config));
  }
  return all;
}

void ExplainCommand::split_heads(std::vector<PatchMap> maps, const MapColumn& column,
                                 std::vector<MapColumn>& columns) const {
  const std::optional<int> chosen = parse_head(head);
  std::vector<std::optional<int>> heads{chosen};
  if (head == "each") {
    heads.clear();
    for (int i = 1; i <= maps[0].heads; ++i) heads.emplace_back(i);
  }
  for (const std::optional<int>& each : heads) {
    MapColumn one = column;
    one.head = each;
    if (each) one.title += ", head " + std::to_string(*each);
    for (const PatchMap& map : maps) one.maps.push_back(each ? one_head(map, *each) : mean_of_heads(map));
    columns.push_back(std::move(one));
  }
}

std::vector<MapColumn> ExplainCommand::look(Session& session, const Image& photo, const MapRequest& request,
                                            const std::vector<SegmentOptions>& policies, const TextBank* bank) const {
  std::vector<MapColumn> columns;
  const int last = session.engine().config().vision.layers;
  std::vector<int> wanted = blocks;
  if (wanted.empty()) wanted.push_back(request.kind == MapKind::kFeatures ? 0 : last);
  for (const int block : wanted) {
    MapRequest one = request;
    one.block = block;
    const bool of_policy = block == 0 || block == last;
    for (const SegmentOptions& options : policies) {
      const MapColumn column{.title = of_policy ? options.policy : "block " + std::to_string(block),
                             .policy = of_policy ? options.policy : "",
                             .block = of_policy ? last : block,
                             .maps = {}};
      split_heads(session.patch_maps(photo.view(), one, options, bank), column, columns);
      if (!of_policy) break;  // the policies begin to differ later
    }
  }
  return columns;
}

Image ExplainCommand::cell_of(const Image& photo, size_t columns) const {
  const int usual = columns == 1 ? 720 : std::max(160, 1500 / static_cast<int>(columns));
  return cell_photo(photo.view(), cell_pixels > 0 ? cell_pixels : usual);
}

// The planes of the words at the points; of the first policy also as maps, where these are wanted.
PointWords read_words(Session& session, const Image& photo, const TextBank& bank, const SegmentOptions& options,
                      std::span<const PhotoPoint> points, const Image* cell, std::vector<WordMap>& maps) {
  PointWords out{.policy = options.policy, .cosines = std::vector<std::vector<float>>(points.size())};
  session.cosine_planes(photo.view(), bank, options, [&](int64_t query, std::span<const float> plane) {
    for (size_t i = 0; i < points.size(); ++i) {
      out.cosines[i].push_back(plane[static_cast<size_t>(points[i].y) * static_cast<size_t>(photo.width) +
                                     static_cast<size_t>(points[i].x)]);
    }
    if (cell != nullptr) {
      maps.push_back(sample_plane(static_cast<size_t>(query), plane, photo.width, photo.height, cell->view()));
    }
  });
  return out;
}

// The best words of the first policy, beside what the others think of them.
std::string words_table(const Explanation& what, size_t point, const ClassList& classes, double logit_scale, int top) {
  std::vector<std::string> head = {"word", "class"};
  std::vector<std::vector<double>> scores;
  for (const PointWords& words : what.words) {
    head.push_back(words.policy);
    head.emplace_back("score");
    scores.push_back(word_scores(words.cosines[point], logit_scale));
  }
  std::vector<std::vector<std::string>> rows = {head};
  for (const size_t k : ranked_words(what.words[0].cosines[point])) {
    if (top > 0 && rows.size() > static_cast<size_t>(top)) break;
    rows.push_back({classes.queries()[k], classes.class_names()[static_cast<size_t>(classes.query_class()[k])]});
    for (size_t i = 0; i < what.words.size(); ++i) {
      rows.back().push_back(fixed(what.words[i].cosines[point][k], 4));
      rows.back().push_back(fixed(scores[i][k], 3));
    }
  }
  return format_table(rows);
}

std::string shown_points(const Explanation& what, const ClassList* classes, double logit_scale, int top) {
  std::string text;
  for (size_t i = 0; i < what.points.size(); ++i) {
    const PhotoPoint& point = what.points[i];
    const PatchMap& map = what.columns[0].maps[i];
    text += str(one_line(what.photo), " at ", point.x, ",", point.y, ": patch ", map.patch_x, ",", map.patch_y, " of ",
                map.grid_w, "×", map.grid_h, " in the window at ", map.window_x, ",", map.window_y, " of ",
                map.resized_width, "×", map.resized_height, " pixels\n");
    if (!what.words.empty()) text += "\n" + words_table(what, i, *classes, logit_scale, top);
    text += "\n";
  }
  return text;
}

RunFacts facts_of(const Engine& engine, const TextBank* bank) {
  if (bank != nullptr) return describe_run(engine, *bank);
  RunFacts facts;
  facts.model_path = engine.name();
  facts.model_name = engine.metadata().model;
  facts.model_sha256 = engine.sha256();
  facts.device = engine.device().name;
  facts.device_description = engine.device().description;
  facts.precision = to_string(engine.device().precision);
  return facts;
}

// What is to be explained, as the command line says it: what is wrong with that shows before the weights are read.
Explanation ExplainCommand::wish() const {
  Explanation what;
  what.photo = photo_file;
  what.kind = parse_map_kind(map_name);
  for (const std::string& point : points) what.points.push_back(parse_point(point));
  SCLIP_CHECK(word_maps || !points.empty(), kInvalidArgument,
              "nothing to explain: give --point X,Y in pixels of the photo, or --words for a map of every word");
  SCLIP_CHECK(what.kind == MapKind::kAttention || (!parse_head(head) && head != "each"), kInvalidArgument,
              "the map of features has no heads: leave --head out");
  for (const int block : blocks) {
    SCLIP_CHECK(block >= 1, kInvalidArgument, "there is no block ", block, ": blocks are counted from 1");
  }
  return what;
}

void ExplainCommand::add_maps(Explanation& what, const Image& photo, ThreadPool& pool, OutputTransaction& files) const {
  const Image cell = cell_of(photo, static_cast<size_t>(map_columns(what.columns)));
  const HeatSheet sheet = draw_maps(what.columns, cell.view(), photo.width, photo.height);
  files.add(file(kMaps), encode_png_rgb(draw_heat_sheet(sheet).view(), pool));
  what.files.emplace_back("maps", kMaps);
  if (!arrays) return;
  const PatchMap& any = what.columns[0].maps[0];
  const std::span<float> array = files.add_npy(
      file(kArrays),
      {static_cast<int64_t>(what.columns.size()), static_cast<int64_t>(what.points.size()), any.grid_h, any.grid_w});
  auto to = array.begin();
  for (const MapColumn& column : what.columns) {
    for (const PatchMap& map : column.maps) to = std::copy(map.values.begin(), map.values.end(), to);
  }
  what.files.emplace_back("arrays", kArrays);
}

void ExplainCommand::add_words(Explanation& what, Session& session, const Image& photo, const TextBank& bank,
                               const std::vector<SegmentOptions>& policies, RunFacts& facts,
                               OutputTransaction& files) const {
  const size_t shown = std::min(static_cast<size_t>(bank.queries()), kMostWordMaps);
  const Image cell = cell_of(photo, std::min(shown, size_t{4}));
  for (const SegmentOptions& options : policies) {
    const bool drawn = word_maps && &options == policies.data();
    what.words.push_back(
        read_words(session, photo, bank, options, what.points, drawn ? &cell : nullptr, what.word_maps));
  }
  if (!word_maps) return;
  if (what.word_maps.size() > shown) {
    std::stable_sort(what.word_maps.begin(), what.word_maps.end(),
                     [](const WordMap& a, const WordMap& b) { return a.highest > b.highest; });
    facts.warnings.push_back(str("of ", what.word_maps.size(), " words the ", shown,
                                 " with the highest cosines have a map: name fewer with --classes"));
    what.word_maps.resize(shown);
  }
  const HeatSheet sheet =
      draw_words(what.word_maps, bank.classes(), what.points, cell.view(), photo.width, photo.height);
  files.add(file(kWords), encode_png_rgb(draw_heat_sheet(sheet).view(), session.engine().thread_pool()));
  what.files.emplace_back("words", kWords);
}

int ExplainCommand::run() const {
  Explanation what = wish();
  std::optional<ClassList> class_list;
  if (has_words()) class_list = classes.class_list(reading.config_class_file());
  const TextBankOptions bank_options = classes.bank_options();
  check_targets();
  ThreadPool decoding(1);
  const Image photo = picture.load(photo_file, decoding);
  what.width = photo.width;
  what.height = photo.height;

  const auto engine = model.load();
  std::shared_ptr<const TextBank> bank;
  if (class_list) {
    bank = make_text_bank(*engine, classes.with_background(std::move(*class_list), engine->config()), bank_options);
  }
  RunFacts facts = facts_of(*engine, bank.get());
  const std::vector<SegmentOptions> policies = all_options(engine->config());
  facts.options = policies[0];
  facts.templates = classes.templates.empty() ? "imagenet" : classes.templates;

  Session session(engine);
  OutputTransaction files;
  if (!what.points.empty()) {
    what.columns = look(session, photo, {.points = what.points, .kind = what.kind}, policies, bank.get());
    add_maps(what, photo, engine->thread_pool(), files);
  }
  if (bank != nullptr) add_words(what, session, photo, *bank, policies, facts, files);
  const ClassList* const named = bank != nullptr ? &bank->classes() : nullptr;
  const auto json = explanation_json(facts, what, named);
  files.add(file(kJson), json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  files.commit();

  for (const std::string& warning : facts.warnings) print_message("warning: " + warning);
  std::string text = shown_points(what, named, facts.options.logit_scale, top) + "wrote ";
  for (const auto& [kind, name] : what.files) text += one_line(file(name).string()) + ", ";
  text += one_line(file(kJson).string()) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitDone;
}

}  // namespace

void add_explain(CLI::App& app, const ChooseSubcommand& choose) {
  auto command = std::make_shared<ExplainCommand>();
  CLI::App* explain =
      app.add_subcommand("explain", "Show where a point of a photo looks, and which words fit it, as heat maps");
  explain->add_option("photo", command->photo_file, "a picture; -: from standard input")->required();
  explain
      ->add_option("--point", command->points, "a pixel of the photo, from its upper left corner; repeat it for more")
      ->allow_extra_args(false);
  explain->add_option("-o,--out", command->out, "folder for the outputs, made if need be")->capture_default_str();
  explain->add_flag("--overwrite", command->overwrite,
                    "replace files that sclip did not write, too; never what the run reads");
  explain
      ->add_option("--map", command->map_name,
                   "attention: of the point's patch; features: how like its feature those of the other patches are")
      ->capture_default_str();
  explain
      ->add_option("--block", command->blocks,
                   "blocks of the image tower, counted from 1; those before the last as CLIP runs them, the last as "
                   "each policy has it")
      ->delimiter(',');
  explain
      ->add_option("--head", command->head, "a head's number, counted from 1; mean: of all; each: one beside another")
      ->capture_default_str();
  explain->add_flag("--words", command->word_maps, "a heat map of every word's cosine, under the first policy");
  explain->add_option("--top", command->top, "how many words to show for a point; 0: all")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  explain->add_option("--cell", command->cell_pixels, "pixels of each map's long side; 0: what suits their number")
      ->check(CLI::Range(0, 4096));
  explain->add_flag("--arrays", command->arrays, "maps.npy too: (columns, points, h, w), the patches' own values");
  command->classes.add_to(*explain);
  command->reading.add_to(*explain, /*with_scores=*/false);
  explain->get_option("--policy")
      ->description("how the image tower is read out patch by patch; several, joined by ',', stand side by side\n" +
                    describe_policies());
  explain->add_option("--config", command->reading.request.config,
                      "a published evaluation's numbers and classes, as segment takes them");
  explain
      ->add_option("--logit-scale", command->reading.request.logit_scale,
                   "cosines are multiplied by this before the softmax")
      ->check(CLI::Range(0.F, 1e6F));
  command->model.add_to(*explain);
  command->picture.add_to(*explain);
  explain->footer(
      "Examples:\n"
      "  sclip explain photo.jpg --point 320,200 --policy clip,sclip -o out\n"
      "  sclip explain photo.jpg --point 320,200 --point 80,60 --block 1,3,5 --head each -o out\n"
      "  sclip explain photo.jpg --point 320,200 --map features -c \"sky; tree; building, house\" --words -o out\n");
  explain->callback([command, choose] { choose([command] { return command->run(); }); });
}

}  // namespace sclip
