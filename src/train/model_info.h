/*
 * model_info.h - what kind of model it is and how large, from its description alone: config.json,
 * or the metadata of a GGUF file. No weights are read.
 */
#ifndef PACE_TRAIN_MODEL_INFO_H
#define PACE_TRAIN_MODEL_INFO_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

struct model_info {
    const char *model_type; /* config.json's "qwen3"; of a GGUF file its architecture */
    uint64_t hidden_size;
    uint64_t layers;
    uint64_t heads, key_value_heads, head_size;
    uint64_t intermediate_size;
    uint64_t vocabulary;
    uint64_t max_positions;        /* tokens of a row; 0: not said */
    uint64_t experts, expert_size; /* 0: no mixture of experts */
    bool is_tied;                  /* the output matrix is the embedding */
    double parameters;             /* counted from the shapes; of a GGUF file from its tensors */
    bool is_gguf;
    bool is_quantized; /* its matrices are stored in blocks of few bits */
    bool has_tokenizer;
};

/*
 * `path`: a folder with a config.json, a config.json itself, or a GGUF file. The texts live in the
 * arena. Errors: ERR_IO; ERR_INPUT where the file is malformed or names no size of its hidden
 * layers.
 */
MUST_CHECK bool model_info_read(struct model_info *info, struct arena *arena, const char *path,
                                struct err *err);

/* The same from the bytes of a config.json. */
MUST_CHECK bool model_info_parse(struct model_info *info, struct arena *arena, struct span text,
                                 struct err *err);

#endif
