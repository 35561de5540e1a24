#include "results/photo_outputs.h"

#include "core/stopwatch.h"
#include "results/result_json.h"

namespace sclip {

PhotoOutputs::PhotoOutputs(const RunFacts& run, const OutputChoice& choice, const OverwriteGuard& guard,
                           PhotoFacts photo)
    : run_(run), choice_(choice), guard_(guard), photo_(std::move(photo)) {
  make_output_folder(photo_.place.folder);
  const auto result = photo_.place.file(kResultFile);
  if (written_by_sclip(result)) transaction_.retire(result);
}

template <typename Add>
void PhotoOutputs::add(const ChosenOutput& chosen, const Add& add) {
  const auto path = chosen.path(photo_.place);
  const size_t before = transaction_.files().size();
  add(path);
  const auto& files = transaction_.files();
  for (size_t i = before; i < files.size(); ++i) guard_.check(files[i]);
  photo_.outputs.push_back({.name = std::string(chosen.kind->name),
                            .path = path,
                            .files = {files.begin() + static_cast<std::ptrdiff_t>(before), files.end()},
                            .is_folder = chosen.kind->is_folder()});
}

OutputTargets PhotoOutputs::claim(const OutputSize& size) {
  OutputTargets targets;
  for (const ChosenOutput& chosen : choice_) {
    if (chosen.kind->claim == nullptr) continue;
    add(chosen, [&](const auto& path) { chosen.kind->claim(size, path, transaction_, targets); });
  }
  return targets;
}

void PhotoOutputs::write(ImageView picture, const ClassList& classes, const Segmentation& segmentation,
                         ThreadPool& pool) {
  photo_.times.resize = segmentation.times.resize;
  photo_.times.encode = segmentation.times.encode;
  photo_.times.merge = segmentation.times.merge;
  if (auto warning = short_side_warning(run_.options, segmentation)) photo_.warnings.push_back(*warning);
  Stopwatch watch;
  const std::vector<ClassStyle> styles = class_styles(classes.class_names());
  const OutputSource source{.run = run_,
                            .photo = photo_,
                            .classes = classes,
                            .styles = styles,
                            .picture = picture,
                            .segmentation = segmentation,
                            .pool = pool};
  for (const ChosenOutput& chosen : choice_) {
    if (chosen.kind->claim != nullptr) continue;
    photo_.times.write += watch.lap();  // so that the last one can tell of those before
    add(chosen, [&](const auto& path) { chosen.kind->add_to(transaction_, source, path); });
  }
  transaction_.commit();
  photo_.times.write += watch.lap();
}

}  // namespace sclip
