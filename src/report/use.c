/*
 * use.c - commands and a snippet, with the paths of the run quoted for whom they are meant: words
 * for a shell, string literals for Python (JSON's are Python's, too).
 */
#include "report/use.h"

#include "base/file.h"
#include "format/json.h"
#include "report/words.h"

const char *use_weights(const struct report *r, struct arena *arena)
{
    return file_join(arena, r->folder, words_is_full(&r->facts) ? "model" : "adapter");
}

static const char *base_of(const struct report *r)
{
    return r->facts.model ? r->facts.model : "MODEL";
}

const char *use_chat(const struct report *r, struct arena *arena)
{
    const char *weights = words_shell(arena, use_weights(r, arena));
    if (words_is_full(&r->facts))
        return arena_printf(arena, "pace chat %s", weights);
    return arena_printf(arena, "pace chat %s --adapter %s", words_shell(arena, base_of(r)),
                        weights);
}

const char *use_merge(const struct report *r, struct arena *arena)
{
    if (words_is_full(&r->facts))
        return NULL;
    return arena_printf(arena, "pace merge %s --adapter %s -o merged",
                        words_shell(arena, base_of(r)), words_shell(arena, use_weights(r, arena)));
}

static const char *literal(struct arena *arena, const char *text)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    struct json_writer w = {.out = &out};
    json_put_text(&w, text);
    const char *copy = arena_string(arena, buf_span(&out));
    buf_release(&out);
    return copy;
}

const char *use_python(const struct report *r, struct arena *arena)
{
    const char *weights = literal(arena, use_weights(r, arena));
    if (words_is_full(&r->facts))
        return arena_printf(arena,
                            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
                            "model = AutoModelForCausalLM.from_pretrained(%s)\n"
                            "tokenizer = AutoTokenizer.from_pretrained(%s)\n",
                            weights, weights);
    if (file_has_suffix(base_of(r), ".gguf"))
        return NULL;
    return arena_printf(arena,
                        "from peft import PeftModel\n"
                        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
                        "base = AutoModelForCausalLM.from_pretrained(%s)\n"
                        "model = PeftModel.from_pretrained(base, %s)\n"
                        "tokenizer = AutoTokenizer.from_pretrained(%s)\n",
                        literal(arena, base_of(r)), weights, weights);
}
