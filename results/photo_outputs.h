// PhotoOutputs: the chosen outputs of one photo, from the disk space that they claim to their names.
#pragma once

#include "results/output_choice.h"
#include "results/own_files.h"

namespace sclip {

class PhotoOutputs {
 public:
  // Makes the folder if need be. `run`, `choice` and `guard` must outlive this object.
  PhotoOutputs(const RunFacts& run, const OutputChoice& choice, const OverwriteGuard& guard, PhotoFacts photo);

  // Before the photo is segmented: what is to be filled meanwhile. This and `write` throw for a file that `guard` does
  // not let them replace.
  OutputTargets claim(const OutputSize& size);

  // Afterwards. Everything is written or, on any error, nothing; a result.json of an earlier run never stands beside
  // outputs that it does not describe.
  void write(ImageView picture, const ClassList& classes, const Segmentation& segmentation, ThreadPool& pool);

  void warn(std::string sentence) { photo_.warnings.push_back(std::move(sentence)); }
  const PhotoFacts& facts() const { return photo_; }

 private:
  template <typename Add>
  void add(const ChosenOutput& chosen, const Add& add);

  const RunFacts& run_;
  const OutputChoice& choice_;
  const OverwriteGuard& guard_;
  PhotoFacts photo_;
  OutputTransaction transaction_;
};

}  // namespace sclip
