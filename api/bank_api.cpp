// Banks: the words.
#include <cstring>

#include "api/control.h"
#include "api/objects.h"
#include "api/sized_struct.h"
#include "sclip/class_list.h"
#include "sclip/segment_config.h"
#include "sclip/text_bank.h"

namespace sclip::api {
namespace {

constexpr size_t kFirstBankOptionsSize = sizeof(sclip_bank_options);

sclip_bank_options default_bank_options() {
  sclip_bank_options out{};
  out.struct_size = sizeof(out);
  return out;
}

TextBankOptions options_from(const sclip_bank_options* given, const Control& control) {
  const sclip_bank_options o = read_struct(given, default_bank_options(), kFirstBankOptionsSize, "sclip_bank_options");
  TextBankOptions out;
  SCLIP_CHECK(o.templates != nullptr || o.template_count == 0, kInvalidArgument, "templates is NULL, and ",
              o.template_count, " were announced");
  for (size_t i = 0; i < o.template_count; ++i) {
    out.templates.emplace_back(text(o.templates[i], str("template ", i).c_str()));
  }
  if (o.cache_folder != nullptr) out.cache_folder = o.cache_folder;
  out.truncate = o.truncate != 0;
  out.control = control.run();
  return out;
}

void make_bank(const sclip_engine* engine, ClassList classes, const sclip_bank_options* options,
               const sclip_control* control, sclip_bank** bank) {
  needed(bank, "the place for the bank");
  *bank = nullptr;
  const auto e = take<EngineObject>(engine);
  const Control run(control);
  auto object = std::make_shared<BankObject>();
  object->engine = e->engine;
  object->bank = make_text_bank(*e->engine, std::move(classes), options_from(options, run));
  for (const std::string& warning : object->bank->warnings()) e->tell(warning);
  if (const auto warning = unknown_words_warning(e->engine->config(), object->bank->classes())) e->tell(*warning);
  *bank = give(std::move(object));
}

ClassList list_from(const char* const* queries, const int32_t* query_class, size_t query_count,
                    const char* const* class_names, size_t class_count) {
  needed(queries, "queries");
  needed(query_class, "query_class");
  needed(class_names, "class_names");
  std::vector<std::string> names, texts;
  for (size_t i = 0; i < class_count; ++i) names.emplace_back(text(class_names[i], str("class name ", i).c_str()));
  for (size_t i = 0; i < query_count; ++i) texts.emplace_back(text(queries[i], str("query ", i).c_str()));
  return ClassList::from_queries(std::move(names), std::move(texts), {query_class, query_class + query_count});
}

const TextBank& bank_of(const BankObject& object) {
  return *object.bank;
}

}  // namespace
}  // namespace sclip::api

using namespace sclip;
using namespace sclip::api;

sclip_status sclip_bank_options_init(sclip_bank_options* options, size_t struct_size) {
  return guarded(__func__, [&] {
    write_struct(options, default_bank_options(), struct_size, kFirstBankOptionsSize, "sclip_bank_options");
  });
}

sclip_status sclip_bank_from_text(const sclip_engine* engine, const char* classes, const sclip_bank_options* options,
                                  const sclip_control* control, sclip_bank** bank) {
  return guarded(__func__,
                 [&] { make_bank(engine, parse_class_argument(text(classes, "classes")), options, control, bank); });
}

sclip_status sclip_bank_from_class_file(const sclip_engine* engine, const char* name_or_content, size_t size,
                                        const sclip_bank_options* options, const sclip_control* control,
                                        sclip_bank** bank) {
  return guarded(__func__, [&] {
    const char* const given = text(name_or_content, "name_or_content");
    ClassList classes = size == 0 ? parse_class_file(builtin_class_file(given), given)
                                  : parse_class_file({given, size}, "the class file");
    make_bank(engine, std::move(classes), options, control, bank);
  });
}

sclip_status sclip_bank_from_queries(const sclip_engine* engine, const char* const* queries, const int32_t* query_class,
                                     size_t query_count, const char* const* class_names, size_t class_count,
                                     const sclip_bank_options* options, const sclip_control* control,
                                     sclip_bank** bank) {
  return guarded(__func__, [&] {
    make_bank(engine, list_from(queries, query_class, query_count, class_names, class_count), options, control, bank);
  });
}

sclip_status sclip_bank_from_embeddings(const sclip_engine* engine, const char* const* queries,
                                        const int32_t* query_class, size_t query_count, const char* const* class_names,
                                        size_t class_count, const float* embeddings, sclip_bank** bank) {
  return guarded(__func__, [&] {
    needed(bank, "the place for the bank");
    *bank = nullptr;
    needed(embeddings, "embeddings");
    const auto e = take<EngineObject>(engine);
    ClassList classes = list_from(queries, query_class, query_count, class_names, class_count);
    auto object = std::make_shared<BankObject>();
    object->engine = e->engine;
    const size_t floats = query_count * static_cast<size_t>(e->engine->config().embed_dim);
    object->bank = bank_from_embeddings(*e->engine, std::move(classes), {embeddings, floats});
    *bank = give(std::move(object));
  });
}

sclip_status sclip_bank_free(sclip_bank* bank) {
  return guarded(__func__, [&] { release<BankObject>(bank); });
}

sclip_status sclip_bank_class_count(const sclip_bank* bank, size_t* classes) {
  return guarded(__func__, [&] { needed(classes, "classes") = bank_of(*take<BankObject>(bank)).classes().size(); });
}

sclip_status sclip_bank_class_name(const sclip_bank* bank, size_t class_index, const char** name) {
  return guarded(__func__, [&] {
    const auto object = take<BankObject>(bank);
    const std::vector<std::string>& names = bank_of(*object).classes().class_names();
    SCLIP_CHECK(class_index < names.size(), kInvalidArgument, "there is no class ", class_index, ": the bank has ",
                names.size());
    needed(name, "the place for the name") = names[class_index].c_str();
  });
}

sclip_status sclip_bank_query_count(const sclip_bank* bank, size_t* queries) {
  return guarded(__func__,
                 [&] { needed(queries, "queries") = static_cast<size_t>(bank_of(*take<BankObject>(bank)).queries()); });
}

sclip_status sclip_bank_query(const sclip_bank* bank, size_t query, const char** text, int32_t* class_index) {
  return guarded(__func__, [&] {
    const auto object = take<BankObject>(bank);
    const ClassList& classes = bank_of(*object).classes();
    SCLIP_CHECK(query < classes.queries().size(), kInvalidArgument, "there is no query ", query, ": the bank has ",
                classes.queries().size());
    if (text != nullptr) *text = classes.queries()[query].c_str();
    if (class_index != nullptr) *class_index = classes.query_class()[query];
  });
}

sclip_status sclip_bank_embeddings(const sclip_bank* bank, const float** embeddings) {
  return guarded(__func__, [&] {
    needed(embeddings, "the place for the embeddings") = bank_of(*take<BankObject>(bank)).embeddings().data();
  });
}
