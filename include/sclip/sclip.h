/* sclip: open-vocabulary segmentation as a C library (C99).
 *
 *   sclip_engine *engine;   sclip_bank *bank;   sclip_session *session;
 *   sclip_engine_load("model.sclip", NULL, &engine);
 *   sclip_bank_from_text(engine, "sky; tree, trees; person", NULL, &bank);
 *   sclip_session_create(engine, &session);
 *   sclip_session_segment(session, bank, NULL, &image, &output, 1, NULL);
 *
 * Status. Every call that can fail returns one; sclip_last_error() is the sentence for the person who must act. No
 * exception leaves the library, and it prints nothing.
 *
 * Ownership. A handle is freed by its own sclip_*_free; NULL may be freed. What was made from an engine keeps what it
 * needs of it, so handles may be freed in any order. A handle that was freed, or is of another kind, is
 * SCLIP_INVALID_ARGUMENT wherever it is used. Texts and arrays that a handle returns live as long as it does.
 *
 * Threads. Engines, banks, features and results are immutable: any number of threads may use one. A session has one
 * thread at a time; a call from a second one meanwhile is SCLIP_BUSY and changes nothing. Make one session per thread:
 * all share the engine's weights.
 *
 * Structures begin with struct_size, so that programs built against an older header go on working: fill them with their
 * sclip_*_init(…, sizeof(…)), then change what is to be changed. NULL in the place of options means what init gives.
 *
 * Pixels are 8 bits a channel; labels are class numbers in the order of the bank; scores are probabilities, 0 … 1. */
#ifndef SCLIP_SCLIP_H
#define SCLIP_SCLIP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define SCLIP_API
#else
#define SCLIP_API __attribute__((visibility("default")))
#endif

/* --- version --- */

#define SCLIP_ABI_VERSION 1 /* changes when a program must be compiled anew */

SCLIP_API const char* sclip_version(void); /* "0.1.0" */
SCLIP_API int32_t sclip_abi_version(void); /* SCLIP_ABI_VERSION of the library that was loaded */

/* --- status --- */

typedef int32_t sclip_status;
enum {
  SCLIP_OK = 0,
  SCLIP_INVALID_ARGUMENT = 1, /* can never work: NULL, a wrong size, a freed handle, a bank of another engine */
  SCLIP_NOT_FOUND = 2,        /* a file, name or device that is not there */
  SCLIP_CORRUPT_DATA = 3,     /* a model or picture that contradicts its format */
  SCLIP_UNSUPPORTED = 4,      /* valid, but not something that this build or machine can do */
  SCLIP_OUT_OF_MEMORY = 5,
  SCLIP_IO = 6,        /* the system refused a read or a write */
  SCLIP_DEVICE = 7,    /* an accelerator reported an error */
  SCLIP_CANCELLED = 8, /* a callback asked to stop */
  SCLIP_INTERNAL = 9,  /* a fault of the library itself */
  SCLIP_BUSY = 10      /* another thread is using this session */
};
SCLIP_API const char* sclip_status_name(sclip_status status); /* "invalid argument"; never NULL */
/* What the latest call of this thread that failed has to say; "" before the first. Valid until the next one fails. */
SCLIP_API const char* sclip_last_error(void);

/* --- callbacks --- */

/* Looked at between the steps of a long call, on the thread that made it. */
typedef struct sclip_control {
  size_t struct_size;
  void (*progress)(double done_share, void* user); /* 0 … 1, never falling; or NULL */
  int (*should_stop)(void* user);                  /* other than 0: the call ends with SCLIP_CANCELLED; or NULL */
  void* user;
} sclip_control;
SCLIP_API sclip_status sclip_control_init(sclip_control* control, size_t struct_size);

/* --- engine: weights on a device --- */

typedef struct sclip_engine sclip_engine;

enum {
  SCLIP_PRECISION_AUTO = 0,
  SCLIP_PRECISION_F32 = 1,
  SCLIP_PRECISION_BF16 = 2,
  SCLIP_PRECISION_F16 = 3,
  SCLIP_PRECISION_FP8 = 4 /* bf16, with the products of the image tower's blocks in E4M3: CUDA devices of 9.0 */
};

typedef struct sclip_engine_options {
  size_t struct_size;
  const char* device; /* "auto", "cpu", "cuda", "cuda:1"; what is named and cannot be had is an error. "auto" */
  int32_t precision;  /* SCLIP_PRECISION_AUTO: the fastest that is accurate enough on the device */
  int32_t threads;    /* of the host; 0: as many as the process may use */
  int32_t verify;     /* check the model's SHA-256 while loading. 1 */
  void (*log)(const char* message, void* user); /* told of what may be meant otherwise: a damaged cache, an odd class
                                                   list. On the calling thread; or NULL */
  void* log_user;
} sclip_engine_options;
SCLIP_API sclip_status sclip_engine_options_init(sclip_engine_options* options, size_t struct_size);

SCLIP_API sclip_status sclip_engine_load(const char* path, const sclip_engine_options* options, sclip_engine** engine);
/* The content of a .sclip file. Copied, unless `borrow`: then `bytes` lie on a 64-byte boundary and outlive the engine
 * and all that was made from it. `name` stands for it in messages. */
SCLIP_API sclip_status sclip_engine_load_bytes(const void* bytes, size_t size, const char* name, int32_t borrow,
                                               const sclip_engine_options* options, sclip_engine** engine);
SCLIP_API sclip_status sclip_engine_free(sclip_engine* engine);

typedef struct sclip_engine_facts {
  size_t struct_size;
  const char* model;              /* "ViT-B-16" */
  const char* sha256;             /* identifies the weights */
  const char* licence;            /* of the weights */
  const char* device;             /* "cpu", "cuda" */
  const char* device_description; /* processor, instruction sets, threads */
  int32_t precision;              /* SCLIP_PRECISION_*, never AUTO */
  int32_t embed_dim;              /* E */
  int32_t patch_size;             /* pixels */
  float logit_scale;              /* as learned; classification uses it */
} sclip_engine_facts;
SCLIP_API sclip_status sclip_engine_describe(const sclip_engine* engine, sclip_engine_facts* facts, size_t struct_size);

/* --- bank: the words --- */

typedef struct sclip_bank sclip_bank;

typedef struct sclip_bank_options {
  size_t struct_size;
  const char* const* templates; /* each with {} once; NULL: the 80 of ImageNet */
  size_t template_count;
  const char* cache_folder; /* where embeddings are kept; NULL: nowhere */
  int32_t truncate;         /* cut a prompt that is too long for the model instead of refusing it. 0 */
} sclip_bank_options;
SCLIP_API sclip_status sclip_bank_options_init(sclip_bank_options* options, size_t struct_size);

/* "sky; tree, trees; person": classes by ';', synonyms by ','. */
SCLIP_API sclip_status sclip_bank_from_text(const sclip_engine* engine, const char* classes,
                                            const sclip_bank_options* options, const sclip_control* control,
                                            sclip_bank** bank);
/* A built-in list by its name ("voc21"), or the content of a class file when `size` is not 0. */
SCLIP_API sclip_status sclip_bank_from_class_file(const sclip_engine* engine, const char* name_or_content, size_t size,
                                                  const sclip_bank_options* options, const sclip_control* control,
                                                  sclip_bank** bank);
/* Names as they are: query i means class query_class[i], ascending, each of 0 … class_count − 1 at least once. */
SCLIP_API sclip_status sclip_bank_from_queries(const sclip_engine* engine, const char* const* queries,
                                               const int32_t* query_class, size_t query_count,
                                               const char* const* class_names, size_t class_count,
                                               const sclip_bank_options* options, const sclip_control* control,
                                               sclip_bank** bank);
/* The same from unit embeddings that are there already: (query_count, E). */
SCLIP_API sclip_status sclip_bank_from_embeddings(const sclip_engine* engine, const char* const* queries,
                                                  const int32_t* query_class, size_t query_count,
                                                  const char* const* class_names, size_t class_count,
                                                  const float* embeddings, sclip_bank** bank);
SCLIP_API sclip_status sclip_bank_free(sclip_bank* bank);

SCLIP_API sclip_status sclip_bank_class_count(const sclip_bank* bank, size_t* classes);
SCLIP_API sclip_status sclip_bank_class_name(const sclip_bank* bank, size_t class_index, const char** name);
SCLIP_API sclip_status sclip_bank_query_count(const sclip_bank* bank, size_t* queries);
SCLIP_API sclip_status sclip_bank_query(const sclip_bank* bank, size_t query, const char** text, int32_t* class_index);
SCLIP_API sclip_status sclip_bank_embeddings(const sclip_bank* bank, const float** embeddings); /* (K, E) */

/* --- images --- */

enum { SCLIP_RGB = 0, SCLIP_BGR = 1, SCLIP_RGBA = 2, SCLIP_BGRA = 3, SCLIP_GREY = 4 };

/* A picture of the caller's, read where it lies during the call. Alpha is ignored. */
typedef struct sclip_image {
  const uint8_t* pixels; /* the first pixel of the upper row */
  int32_t width, height;
  int64_t row_stride; /* bytes from a pixel to the one below; 0: rows touch; negative: rows lie bottom up */
  int32_t order;      /* SCLIP_RGB … */
} sclip_image;

/* --- session: memory and a queue --- */

typedef struct sclip_session sclip_session;

SCLIP_API sclip_status sclip_session_create(const sclip_engine* engine, sclip_session** session);
SCLIP_API sclip_status sclip_session_free(sclip_session* session);
/* Gives back the memory kept for later calls. */
SCLIP_API sclip_status sclip_session_trim(sclip_session* session);

enum { SCLIP_REFINE_NONE = 0, SCLIP_REFINE_PAMR = 1, SCLIP_REFINE_PEARL = 2 };

typedef struct sclip_segment_options {
  size_t struct_size;
  const char* policy;   /* how patches are read out: "sclip", "clip", "naclip:sigma=3", … */
  int32_t short_side;   /* the photo is scaled so that its short side has this many pixels */
  int32_t crop;         /* window, pixels; 0: the whole photo at once */
  int32_t stride;       /* from window to window */
  int32_t squash;       /* the photo becomes a square of short_side pixels instead of keeping its shape. 0 */
  float temperature;    /* divides the scores of the last block's attention. 1 */
  float logit_scale;    /* of the softmax over words */
  float prob_thd;       /* a pixel whose best score is below becomes class 0, or ignore_label */
  int32_t ignore_label; /* −1: none */
  float area_thd;       /* smallest share of the non-0 pixels that a class other than 0 must have; negative: none */
  int32_t refine;       /* SCLIP_REFINE_* */
  int32_t refine_iterations; /* 10, with which PAMR is published; of PEARL 25 are */
  int32_t window_batch;      /* windows in one forward; 0: what suits the device */
} sclip_segment_options;
/* The model's own sizes, and what the command does without options. */
SCLIP_API sclip_status sclip_segment_options_init(const sclip_engine* engine, sclip_segment_options* options,
                                                  size_t struct_size);
/* Sizes, scale and thresholds of a published configuration ("voc21"); policy and refinement stay. */
SCLIP_API sclip_status sclip_segment_options_use(sclip_segment_options* options, const char* config);

typedef struct sclip_result sclip_result;

typedef struct sclip_class_statistics {
  int64_t pixels;
  double mean_score; /* over the class's pixels; 0 when it has none */
  float max_score;
} sclip_class_statistics;

/* Where a photo's results go. Buffers are the caller's, of the photo's width W and height H; NULL: not wanted there. */
typedef struct sclip_output {
  size_t struct_size;
  uint8_t* mask8;                  /* (H, W) labels, for banks of at most 256 classes and an ignore_label below 256 */
  uint16_t* mask16;                /* (H, W) labels */
  float* scores;                   /* (H, W) the best class's score */
  float* logits;                   /* (K, H, W) cosines before logit_scale; refined if labels are */
  sclip_class_statistics* classes; /* (class_count of the bank) */
  sclip_result** result;           /* an object of the library's with labels, scores and statistics, to be freed */
  /* Filled by the call. */
  int32_t resized_width, resized_height; /* of the photo as the model saw it */
  int32_t windows;
  double resize_seconds, encode_seconds, merge_seconds; /* of several photos, this one's share by its windows */
} sclip_output;
SCLIP_API sclip_status sclip_output_init(sclip_output* output, size_t struct_size);

/* Segments `count` photos; windows of all share forwards where they have one size. images[i] → outputs[i]. A photo's
 * results do not depend on its company: on the CPU in f32 not in a bit. */
SCLIP_API sclip_status sclip_session_segment(sclip_session* session, const sclip_bank* bank,
                                             const sclip_segment_options* options, const sclip_image* images,
                                             sclip_output* outputs, size_t count, const sclip_control* control);

/* Of a result. */
SCLIP_API sclip_status sclip_result_size(const sclip_result* result, int32_t* width, int32_t* height);
SCLIP_API sclip_status sclip_result_labels(const sclip_result* result, const uint16_t** labels); /* (H, W) */
SCLIP_API sclip_status sclip_result_scores(const sclip_result* result, const float** scores);    /* (H, W) */
SCLIP_API sclip_status sclip_result_classes(const sclip_result* result, const sclip_class_statistics** classes,
                                            size_t* count);
SCLIP_API sclip_status sclip_result_free(sclip_result* result);

/* --- features: new words for a photo that was seen --- */

typedef struct sclip_features sclip_features;

/* Runs the image tower and keeps what it found. Policies that look at the words meanwhile are SCLIP_UNSUPPORTED. */
SCLIP_API sclip_status sclip_session_read(sclip_session* session, const sclip_image* image,
                                          const sclip_segment_options* options, const sclip_control* control,
                                          sclip_features** features);
/* What sclip_session_segment gives for that photo and these words, without the image tower. Any session of the engine.
 * Of the options only logit_scale, prob_thd, ignore_label and area_thd count; refinements need the photo and are
 * refused. */
SCLIP_API sclip_status sclip_session_segment_features(sclip_session* session, const sclip_features* features,
                                                      const sclip_bank* bank, const sclip_segment_options* options,
                                                      sclip_output* output);
/* (windows, grid_h · grid_w, E) unit vectors, copied to memory of the caller's: `capacity` floats of it. `values` NULL:
 * only the sizes. */
SCLIP_API sclip_status sclip_features_values(sclip_session* session, const sclip_features* features, int32_t* windows,
                                             int32_t* grid_h, int32_t* grid_w, float* values, size_t capacity);
SCLIP_API sclip_status sclip_features_free(sclip_features* features);

/* --- embeddings and classification --- */

/* (count, E) unit vectors; no template is applied. */
SCLIP_API sclip_status sclip_session_embed_texts(sclip_session* session, const char* const* texts, size_t count,
                                                 int32_t truncate, float* embeddings);
/* (E) unit: CLIP's own embedding of the photo. */
SCLIP_API sclip_status sclip_session_embed_image(sclip_session* session, const sclip_image* image, float* embedding);
/* (class_count) probabilities: softmax over queries, the best of each class. `logit_scale` 0: the learned one. */
SCLIP_API sclip_status sclip_session_classify(sclip_session* session, const sclip_image* image, const sclip_bank* bank,
                                              float logit_scale, float* probabilities);

/* --- pictures --- */

typedef struct sclip_picture sclip_picture;

/* A picture file to 8-bit RGB, upright: JPEG, PNG, WebP, TIFF, BMP, GIF, …, as far as the build can. */
SCLIP_API sclip_status sclip_picture_load(const char* path, sclip_picture** picture);
SCLIP_API sclip_status sclip_picture_decode(const void* bytes, size_t size, const char* name, sclip_picture** picture);
SCLIP_API sclip_status sclip_picture_image(const sclip_picture* picture,
                                           sclip_image* image); /* valid while the picture is */
SCLIP_API sclip_status sclip_picture_free(sclip_picture* picture);
/* What the picture would have, upright, from the file's header: for limits of the caller's, before anything is
 * decoded. `name` as above. */
SCLIP_API sclip_status sclip_picture_size(const void* bytes, size_t size, const char* name, int32_t* width,
                                          int32_t* height);

typedef struct sclip_bytes sclip_bytes;
/* PNG of labels (H, W) with the palette that the command uses for these classes. */
SCLIP_API sclip_status sclip_encode_mask(const uint16_t* labels, int32_t width, int32_t height, const sclip_bank* bank,
                                         sclip_bytes** png);
/* PNG of the photo, an RGB image with rows that touch, under the colours of its classes. */
SCLIP_API sclip_status sclip_encode_overlay(const sclip_image* photo, const uint16_t* labels, const sclip_bank* bank,
                                            sclip_bytes** png);
SCLIP_API sclip_status sclip_bytes_data(const sclip_bytes* bytes, const void** data, size_t* size);
SCLIP_API sclip_status sclip_bytes_free(sclip_bytes* bytes);

typedef struct sclip_rle sclip_rle;

typedef struct sclip_rle_segment {
  int32_t label;
  const char* counts;          /* COCO's compressed run lengths of the label's pixels: pycocotools' "counts" */
  int64_t area;                /* pixels */
  int32_t x, y, width, height; /* the smallest rectangle that holds them */
} sclip_rle_segment;
/* Of each label that has pixels in (H, W), in order. */
SCLIP_API sclip_status sclip_encode_rle(const uint16_t* labels, int32_t width, int32_t height, sclip_rle** rle);
SCLIP_API sclip_status sclip_rle_segments(const sclip_rle* rle, const sclip_rle_segment** segments, size_t* count);
SCLIP_API sclip_status sclip_rle_free(sclip_rle* rle);

#ifdef __cplusplus
}
#endif

#endif
