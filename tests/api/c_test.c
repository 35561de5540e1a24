/* The C header in a C99 program: from a model file and pixels to labels, with what can be told on the way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sclip/sclip.h"

#define CHECK(condition)                                                                             \
  do {                                                                                               \
    if (!(condition)) {                                                                              \
      fprintf(stderr, "%s:%d: %s\nlast error: %s\n", __FILE__, __LINE__, #condition, sclip_last_error()); \
      exit(1);                                                                                       \
    }                                                                                                \
  } while (0)

static int reports = 0;
static double last_share = -1;

static void on_progress(double share, void *user) {
  CHECK(user == &reports);
  CHECK(share >= last_share && share <= 1);
  last_share = share;
  ++reports;
}

static int stop_at_once(void *user) {
  (void)user;
  return 1;
}

int main(void) {
  sclip_engine_options engine_options;
  sclip_engine *engine = NULL;
  sclip_bank *bank = NULL;
  sclip_session *session = NULL;
  sclip_engine_facts facts;
  sclip_picture *picture = NULL;
  sclip_image image;
  sclip_segment_options options;
  sclip_output output;
  sclip_result *result = NULL;
  sclip_control control;
  const uint16_t *labels = NULL;
  const char *name = NULL;
  size_t classes = 0, i, pixels;
  uint8_t *mask;
  sclip_class_statistics statistics[3];
  int64_t counted = 0;

  CHECK(sclip_abi_version() == SCLIP_ABI_VERSION);
  CHECK(strcmp(sclip_last_error(), "") == 0);

  CHECK(sclip_engine_options_init(&engine_options, sizeof engine_options) == SCLIP_OK);
  engine_options.device = "cpu";
  engine_options.precision = SCLIP_PRECISION_F32;
  CHECK(sclip_engine_load(SCLIP_SOURCE_DIR "/weights/demo/demo-clip.sclip", &engine_options, &engine) == SCLIP_OK);
  CHECK(sclip_engine_describe(engine, &facts, sizeof facts) == SCLIP_OK);
  CHECK(strcmp(facts.device, "cpu") == 0 && facts.precision == SCLIP_PRECISION_F32 && facts.embed_dim == 256);

  CHECK(sclip_bank_from_text(engine, "sky; building, house; tree", NULL, NULL, &bank) == SCLIP_OK);
  CHECK(sclip_bank_class_count(bank, &classes) == SCLIP_OK && classes == 3);
  CHECK(sclip_bank_class_name(bank, 1, &name) == SCLIP_OK && strcmp(name, "building") == 0);

  CHECK(sclip_picture_load(SCLIP_SOURCE_DIR "/tests/data/photos/china.jpg", &picture) == SCLIP_OK);
  CHECK(sclip_picture_image(picture, &image) == SCLIP_OK);
  CHECK(image.width == 640 && image.height == 427 && image.order == SCLIP_RGB);
  pixels = (size_t)image.width * (size_t)image.height;
  mask = (uint8_t *)malloc(pixels);
  CHECK(mask != NULL);

  CHECK(sclip_session_create(engine, &session) == SCLIP_OK);
  CHECK(sclip_segment_options_init(engine, &options, sizeof options) == SCLIP_OK);
  CHECK(options.short_side == 224 && options.crop == 112 && strcmp(options.policy, "sclip") == 0);
  CHECK(sclip_output_init(&output, sizeof output) == SCLIP_OK);
  output.mask8 = mask;
  output.classes = statistics;
  output.result = &result;
  CHECK(sclip_control_init(&control, sizeof control) == SCLIP_OK);
  control.progress = on_progress;
  control.user = &reports;
  CHECK(sclip_session_segment(session, bank, &options, &image, &output, 1, &control) == SCLIP_OK);
  CHECK(reports > 1 && last_share == 1);
  CHECK(output.windows > 1 && output.encode_seconds > 0);
  CHECK(sclip_result_labels(result, &labels) == SCLIP_OK);
  for (i = 0; i < pixels; ++i) CHECK(mask[i] == labels[i] && mask[i] < 3);
  for (i = 0; i < 3; ++i) counted += statistics[i].pixels;
  CHECK(counted == (int64_t)pixels);
  CHECK(mask[320] == 0); /* the sky above the roofs */

  control.should_stop = stop_at_once;
  CHECK(sclip_session_segment(session, bank, &options, &image, &output, 1, &control) == SCLIP_CANCELLED);
  CHECK(result == NULL); /* nothing is left half done */

  /* In any order: the session keeps what it needs of the engine. */
  CHECK(sclip_engine_free(engine) == SCLIP_OK);
  output.result = NULL;
  CHECK(sclip_session_segment(session, bank, &options, &image, &output, 1, NULL) == SCLIP_OK);
  CHECK(sclip_session_free(session) == SCLIP_OK);
  CHECK(sclip_bank_free(bank) == SCLIP_OK);
  CHECK(sclip_picture_free(picture) == SCLIP_OK);
  CHECK(sclip_picture_free(NULL) == SCLIP_OK);
  free(mask);
  return 0;
}
