#include "server/routes/segment_answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/stopwatch.h"
#include "results/class_style.h"
#include "sclip/templates.h"
#include "server/base64.h"
#include "server/http/http_error.h"
#include "server/routes/route.h"

namespace sclip {

RunFacts run_facts(const Service& service, const TextBank& bank, const SegmentOptions& options) {
  RunFacts facts = describe_run(service.engine(), bank);
  // Where this machine keeps its model is nobody's business.
  facts.model_path = std::filesystem::path(facts.model_path).filename().string();
  facts.options = options;
  return facts;
}

RequestPatience::Clock::time_point deadline_of(const Service& service, std::optional<double> deadline_ms) {
  auto time = service.options().deadline;
  if (deadline_ms) time = std::min(time, std::chrono::milliseconds(static_cast<int64_t>(*deadline_ms)));
  return RequestPatience::Clock::now() + time;
}

HttpResponse segment_response(Service& service, const RequestPatience& patience, const RunFacts& run,
                              const TextBank& bank, SegmentDone done, const WantedOutputs& wanted) {
  if (auto warning = short_side_warning(run.options, done.segmentation)) done.facts.warnings.push_back(*warning);
  const HandHold hand(service, patience);
  Stopwatch watch;
  const std::vector<ClassStyle> styles = class_styles(bank.classes().class_names());
  const OutputSource source{.run = run,
                            .photo = done.facts,
                            .classes = bank.classes(),
                            .styles = styles,
                            .picture = done.photo ? done.photo->view() : ImageView{},
                            .segmentation = done.segmentation,
                            .pool = service.engine().thread_pool(),
                            .logits = done.logits,
                            .logits_step = done.logits_step};
  HttpResponse response;
  response.notes = done.notes;
  if (wanted.size() == 1) {
    const std::vector<std::byte> bytes = wanted[0]->encode(source);
    response.type = wanted[0]->media_type;
    response.body.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  } else {
    response.type = "application/json";
    response.body = "{";
    for (const OutputKind* kind : wanted) {
      const std::vector<std::byte> bytes = kind->encode(source);
      response.body += str(response.body.size() > 1 ? ",\n" : "\n", "\"", kind->name, "\": ");
      if (kind->media_type == "application/json") {
        response.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      } else {
        response.body +=
            str("{\"media_type\": \"", kind->media_type, "\", \"base64\": \"", encode_base64(bytes), "\"}");
      }
    }
    response.body += "\n}\n";
  }
  service.metrics().stage("write", watch.lap());
  return response;
}

}  // namespace sclip
