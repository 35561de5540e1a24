// A segmentation as an answer: the bytes that `sclip segment` would write.
#pragma once

#include "server/routes/answer_choice.h"
#include "server/routes/segment_fields.h"
#include "server/segment_task.h"

namespace sclip {

// What result.json says of a run.
RunFacts run_facts(const Service& service, const TextBank& bank, const SegmentOptions& options);
// The deadline that a request's `deadline_ms` and the service allow.
RequestPatience::Clock::time_point deadline_of(const Service& service, std::optional<double> deadline_ms);

// One output as it is, several as an object of JSON: JSON outputs as they are, others as
// {"media_type", "base64"}.
HttpResponse segment_response(Service& service, const RequestPatience& patience, const RunFacts& run,
                              const TextBank& bank, SegmentDone done, const WantedOutputs& wanted);

}  // namespace sclip
