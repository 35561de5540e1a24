// POST /v1/segment: a photo, or the features of one, and words; masks and what is known about them.
#include "sclip/templates.h"
#include "server/http/http_error.h"
#include "server/routes/route.h"
#include "server/routes/segment_answer.h"

namespace sclip {
namespace {

std::vector<FieldSpec> segment_fields() {
  return photo_fields() + word_fields() + reading_fields() + score_fields() + output_fields() + wait_fields() +
         std::vector<FieldSpec>{
             {"features", FieldKind::kText, "the id of a photo that /v1/features has read, instead of a photo"},
             {"logits_step", FieldKind::kInteger, "of the logits, every n-th row and column, from the first on", 1,
              4096}};
}

int logits_step(const Fields& fields, const WantedOutputs& wanted) {
  if (!fields.has("logits_step")) return 1;
  if (!contains(wanted, "logits")) refuse_field("logits_step", "is given, and logits are not among the outputs");
  return static_cast<int>(*fields.number("logits_step"));
}

// As apps' segmentation run has them.
RunFacts facts_of(const Service& service, const Fields& fields, const AskedWords& words, const SegmentTask& task,
                  const WantedOutputs& wanted) {
  RunFacts run = run_facts(service, *task.bank, task.options);
  run.config = fields.text("config");
  run.recipe = fields.text("recipe");
  run.ignore_name = fields.text("ignore_name", run.ignore_name);
  run.templates = words.templates;
  run.template_count = words.list.templates.empty() ? imagenet_templates().size() : words.list.templates.size();
  run.overlay_size = parse_overlay_size(fields.text("overlay_size", "legend"));
  std::vector<std::string> outputs;
  for (const OutputKind* kind : wanted) outputs.emplace_back(kind->name);
  outputs.push_back("overlay size: " + std::string(to_string(run.overlay_size)));
  if (task.options.ignore_label) outputs.push_back("ignored pixels: " + run.ignore_name);
  run.options_hash =
      options_hash(service.engine(), {.templates = words.list.templates, .truncate = words.list.truncate},
                   task.bank->classes(), task.options, outputs);
  return run;
}

void check_ignored(const Fields& fields, const SegmentOptions& options, ClassList& classes) {
  if (!options.ignore_label) return;
  check_ignore_label(options.ignore_label, classes);
  const std::string name = fields.text("ignore_name", "unlabelled");
  const auto& names = classes.class_names();
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) {
    refuse_field("ignore_name", "must be a name that no class has");
  }
  if (options.prob_thd == 0) {
    classes.add_warning(
        str("no pixel gets ignore_label ", *options.ignore_label, ": it is for scores below prob_thd, and that is 0"));
  }
}

// The words' embeddings, and what must be computed for the outputs.
void ask_for(SegmentTask& task, Service& service, const Fields& fields, const RequestPatience& patience,
             AskedWords& words, const WantedOutputs& wanted) {
  check_ignored(fields, task.options, words.list.classes);
  task.bank = service.banks().get(words.list, patience);
  task.scores = contains(wanted, "scores");
  task.logits = contains(wanted, "logits");
  task.logits_step = logits_step(fields, wanted);
}

// Asks the photo that was kept under an id.
HttpResponse segment_kept(Service& service, HttpRequest& request, const RequestPatience& patience, const Fields& fields,
                          const WantedOutputs& wanted) {
  const std::string id = fields.text("features");
  const auto kept = service.features().find(id);
  if (kept == nullptr) {
    throw HttpError(404, "no_features",
                    "there are no features of this id, or no more: send the photo to /v1/features again");
  }
  if (contains(wanted, "overlay") || contains(wanted, "overlay-jpeg")) {
    refuse_field("outputs", "has an overlay, which needs the photo, and features do not have it: send the photo");
  }
  for (const FieldSpec& field : reading_fields()) {
    if (fields.has(field.name)) {
      refuse_field(field.name, "decides how a photo is read, and this one was read by /v1/features: give it there");
    }
  }
  SegmentRequest scores = segment_request(fields);
  scores.config = kept->config;
  scores.recipe = kept->recipe;
  SegmentTask task;
  task.options = resolve(scores, service.engine().config());
  SegmentOptions read = kept->options;
  read.logit_scale = task.options.logit_scale;
  read.prob_thd = task.options.prob_thd;
  read.ignore_label = task.options.ignore_label;
  read.area_thd = task.options.area_thd;
  if (fields.has("refine")) read.refine = task.options.refine;
  task.options = read;
  AskedWords words = asked_words(fields, service);
  ask_for(task, service, fields, patience, words, wanted);
  SegmentDone done = segment_features(service, request, patience, *kept, task);
  RunFacts run = facts_of(service, fields, words, task, wanted);
  run.config = kept->config;
  run.recipe = kept->recipe;
  return segment_response(service, patience, run, *task.bank, std::move(done), wanted);
}

HttpResponse segment(Service& service, HttpRequest& request) {
  static const std::vector<FieldSpec> kFields = segment_fields();
  const Fields fields(request, kFields);
  const WantedOutputs wanted = wanted_outputs(fields, request.header("Accept"));
  const RequestPatience patience(service.watch(), deadline_of(service, fields.number("deadline_ms")),
                                 request.peer_gone);
  if (fields.has("features")) {
    if (fields.photo()) refuse_field("features", "is given beside a photo: give one");
    return segment_kept(service, request, patience, fields, wanted);
  }
  if (!fields.photo()) throw HttpError(422, "no_photo", "no photo: send one as the field photo, or give features");
  SentPhoto photo(service, fields.photo()->bytes, fields.photo()->name, fields.flag("salvage"));
  SegmentTask task;
  task.options = resolve(segment_request(fields), service.engine().config());
  cost_of(service, photo.width(), photo.height(), task.options);  // before words are computed for nothing
  AskedWords words = asked_words(fields, service);
  ask_for(task, service, fields, patience, words, wanted);
  SegmentDone done = segment_photo(service, request, patience, photo, task);
  const RunFacts run = facts_of(service, fields, words, task, wanted);
  return segment_response(service, patience, run, *task.bank, std::move(done), wanted);
}

}  // namespace

std::vector<Route> segment_routes() {
  return {{.method = "POST",
           .path = "/v1/segment",
           .group = "photos",
           .summary = "Cuts a photo into the regions that words name",
           .body = BodyKind::kPhoto,
           .fields = segment_fields(),
           .example = R"({"photo": "PHOTO", "classes": ["sky", ["grass", "meadow"]], "outputs": "json,mask"})",
           .answers = {{200,
                        "the outputs that were asked for",
                        {"application/json", "image/png", "image/jpeg", "image/tiff", "application/x-npy"}}},
           .errors = {406},
           .handle = segment}};
}

}  // namespace sclip
