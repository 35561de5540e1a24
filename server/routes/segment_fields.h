// What a request says of words and of how a photo is read, as the engine understands it. The names are the command's
// options with _ for -.
#pragma once

#include <span>
#include <vector>

#include "results/run_facts.h"
#include "sclip/segment_config.h"
#include "server/bank_cache.h"
#include "server/routes/fields.h"

namespace sclip {

class Service;

std::vector<FieldSpec> photo_fields();    // photo, salvage
std::vector<FieldSpec> word_fields();     // classes, class_list, bank, templates, …
std::vector<FieldSpec> reading_fields();  // policy, short_side, …: what PhotoFeatures depend on
std::vector<FieldSpec> score_fields();    // logit_scale, prob_thd, …
std::vector<FieldSpec> output_fields();   // outputs, overlay_size
std::vector<FieldSpec> wait_fields();     // deadline_ms

std::vector<FieldSpec> operator+(std::vector<FieldSpec> a, const std::vector<FieldSpec>& b);

// Throws what the engine throws for a contradiction, and HttpError for what a request may not say: files of this
// machine.
SegmentRequest segment_request(const Fields& fields);

struct AskedWords {
  WordList list;
  std::string templates;  // what result.json calls them
};
// Throws HttpError 422 where no words are given, and 404 for a bank that is not there.
AskedWords asked_words(const Fields& fields, Service& service);

// As class list and templates alone, for /v1/banks.
WordList word_list(const Fields& fields, Service& service);

}  // namespace sclip
