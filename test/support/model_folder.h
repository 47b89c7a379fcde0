/*
 * model_folder.h - folders with small models of any family, their weights random.
 */
#ifndef PACE_TEST_MODEL_FOLDER_H
#define PACE_TEST_MODEL_FOLDER_H

#include "model/model.h"
#include "test/support/support.h"

/* The description of a tiny Llama without its braces: two layers, width 16, four heads of 4 that
 * share two keys, feed-forward 24, 32 tokens. */
#define TINY_SIZES                                                                                 \
    "\"hidden_size\": 16, \"intermediate_size\": 24, \"num_hidden_layers\": 2, "                   \
    "\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"vocab_size\": 32, "                 \
    "\"max_position_embeddings\": 64, \"initializer_range\": 0.3"
#define TINY_LLAMA "\"model_type\": \"llama\", " TINY_SIZES
/* The same with the vocabulary of tiny_model.h's tokenizer. */
#define TINY_TALKER                                                                                \
    "\"model_type\": \"llama\", \"hidden_size\": 16, \"intermediate_size\": 24, "                  \
    "\"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, "           \
    "\"vocab_size\": 10, \"max_position_embeddings\": 64, \"initializer_range\": 0.3, "            \
    "\"eos_token_id\": 6"
#define TINY_NEOX                                                                                  \
    "\"model_type\": \"gpt_neox\", \"hidden_size\": 16, \"intermediate_size\": 24, "               \
    "\"num_hidden_layers\": 2, \"num_attention_heads\": 2, \"vocab_size\": 32, "                   \
    "\"max_position_embeddings\": 64, \"rotary_pct\": 0.5, \"initializer_range\": 0.3"
#define TINY_GPT2                                                                                  \
    "\"model_type\": \"gpt2\", \"n_embd\": 16, \"n_layer\": 2, \"n_head\": 2, \"vocab_size\": "    \
    "32, "                                                                                         \
    "\"n_positions\": 64, \"initializer_range\": 0.3"

/* A backend without threads. */
struct backend *plain_backend(void);

/* A new folder below the temporary one with a config.json of these members, and nothing else. */
const char *config_folder(const char *members);

/* The same with a model.safetensors: random weights, norms and biases as fresh ones are. */
const char *model_folder(const char *members);

/* One more tensor of zeros for the next model_folder; or, where it has one of that name, instead.
 */
void model_folder_add(const char *name, enum dtype dtype, size_t rows, size_t width);

/* Leaves a tensor out of the next model_folder. */
void model_folder_drop(const char *name);

/* A batch of one text of `n` ids, each but the first a target; its losses by the model. */
void model_losses(const struct model *model, bool without_adapters, size_t n, float *loss);

#endif
