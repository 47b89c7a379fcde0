/*
 * ref_embed.c - from ids to vectors.
 *
 *     y[i]                     = scale * tokens[id[i]] + positions[position[i]]
 *     dtokens[id[i]]          += scale * dy[i]
 *     dpositions[position[i]] += dy[i]
 *
 * `scale` is Gemma's square root of the width; the positions are GPT-2's. The token that pads rows
 * elsewhere gets nothing added to dtokens, as torch.nn.Embedding does with its padding_idx.
 */
#include "backend/ref/ref.h"

size_t ref_embed_scratch(const struct backend_sizes *sizes)
{
    return 2 * scratch_need(sizes->width, sizeof(float));
}

void ref_embed(struct backend *b, const struct embed_args *a)
{
    size_t width = a->y.width;
    CHECK(a->tokens.width == width && !a->tokens.transposed);
    CHECK(!a->positions.at || (a->positions.width == width && !a->positions.transposed));
    struct scratch scratch = scratch_of(b);
    float *token = scratch_take(&scratch, width, sizeof *token);
    float *place = scratch_take(&scratch, width, sizeof *place);
    for (size_t i = 0; i < a->y.rows; i++) {
        ref_weight_row(&a->tokens, (size_t)a->id[i], token);
        if (a->positions.at)
            ref_weight_row(&a->positions, (size_t)a->position[i], place);
        for (size_t c = 0; c < width; c++) {
            double sum = (double)a->scale * token[c] + (a->positions.at ? place[c] : 0);
            mat_row(a->y, i)[c] = (float)sum;
        }
    }
}

void ref_embed_back(struct backend *b, const struct embed_args *a)
{
    (void)b;
    size_t width = a->dy.width;
    for (size_t i = 0; i < a->dy.rows; i++) {
        const float *dy = mat_row(a->dy, i);
        bool is_padding = a->has_padding && a->id[i] == a->padding;
        for (size_t c = 0; c < width; c++) {
            if (a->dtokens && !is_padding)
                ref_add_to(&a->dtokens[(size_t)a->id[i] * width + c], (double)a->scale * dy[c]);
            if (a->dpositions)
                ref_add_to(&a->dpositions[(size_t)a->position[i] * width + c], dy[c]);
        }
    }
}
