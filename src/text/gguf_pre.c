/*
 * gguf_pre.c - the table of ways to cut a text, by name.
 *
 * A GGUF file does not hold the patterns that its text is cut by, but a name that stands for them.
 * Reading looks the name up. Writing goes the other way: a tokenizer.json says how it cuts in many
 * forms (a pattern, ByteLevel's own, Digits before it), so its pieces of a text that holds every
 * difference between the rows are compared with the rows' pieces. llama.cpp's converter knows a
 * tokenizer by a hash of its ids instead, and so refuses any that was trained since.
 *
 * To add a row: its name, with the patterns that llama.cpp has for it; and, in the text below,
 * something that no other row cuts so.
 * Source: llama.cpp, src/llama-vocab.cpp; checked with its own test vectors.
 */
#include "text/gguf_pre.h"

#define GPT2_PATTERN                                                                               \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
#define CONTRACTIONS                                                                               \
    "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define LETTERS_OR(digits)                                                                         \
    CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                                          \
                 "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CAPITALS_OR(digits, ending)                                                                \
    "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))*((?=[\\p{L}])([^A-Z]))+" ending                  \
    "|[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))+((?=[\\p{L}])([^A-Z]))*" ending "|" digits      \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* Letters with case, as DeepSeek's first models list them. Those that Unicode has twice are
 * escaped: an editor that normalises would turn ranges around. */
#define CASED_LETTERS                                                                              \
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿ"                        \
    "ᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdb"                        \
    "ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇ"                       \
    "Ꞌ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"

static const struct gguf_pre pre_table[] = {
    {{"default"},
     false,
     false,
     {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2_PATTERN, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"},
     true,
     true,
     {LETTERS_OR("\\p{N}{1,3}")}},
    {{"dbrx", "smaug-bpe", "chatglm-bpe"}, false, false, {LETTERS_OR("\\p{N}{1,3}")}},
    {{"glm4", "glm5"}, true, false, {LETTERS_OR("\\p{N}{1,3}")}},
    {{"qwen2", "deepseek-r1-qwen", "kormo", "stablelm2", "megrez", "hunyuan", "solar-open",
      "grok-2"},
     false,
     false,
     {LETTERS_OR("\\p{N}")}},
    {{"qwen35"},
     false,
     false,
     {CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
                   "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {{"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "gigachat", "exaone4", "modern-bert",
      "mellum", "a.x-4.0", "granite-docling"},
     false,
     false,
     {GPT2_PATTERN}},
    {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"},
     false,
     false,
     {"\\p{N}", GPT2_PATTERN}},
    {{"falcon"}, false, false, {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2_PATTERN, "[0-9][0-9][0-9]"}},
    {{"deepseek-llm"},
     false,
     false,
     {"[\r\n]", "\\s?[" CASED_LETTERS "]+", "\\s?[!-/:-~！-／：-～‘-‟　-。]+", "\\s+$",
      "[一-龥ࠀ-一가-\xed\x9f\xbf]+", "\\p{N}+"}},
    {{"deepseek-coder"},
     false,
     false,
     {"[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-\xed\x9f\xbf]+", "\\p{N}"}},
    {{"deepseek-v3", "hunyuan-dense", "joyai-llm"},
     false,
     false,
     {"\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
      "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
      "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"}},
    {{"tekken"}, true, true, {CAPITALS_OR("\\p{N}", "")}},
    {{"gpt-4o", "llama4", "kanana2", "minimax-m2"},
     false,
     false,
     {CAPITALS_OR("\\p{N}{1,3}", CONTRACTIONS "?")}},
    {{"poro-chat", "bloom", "gpt3-finnish"}, false, false, {" ?[^(\\s|.,!?…。，、।۔،)]+"}},
    {{"viking"}, false, false, {" ?[^(\\s|.,!?…。，、।۔،)]+", "\\p{N}"}},
    {{"seed-coder"},
     false,
     false,
     {CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}"
                   "| ?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {{"bailingmoe", "bailingmoe2", "llada-moe"},
     false,
     false,
     {"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
};

const struct gguf_pre gguf_pre_lines = {{NULL}, false, true, {"[^\\n]+|[\\n]+"}};

const struct gguf_pre *gguf_pre_find(struct span name, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(pre_table); i++) {
        for (size_t k = 0; k < GGUF_PRE_MOST_NAMES && pre_table[i].names[k]; k++) {
            if (span_is(name, pre_table[i].names[k]))
                return &pre_table[i];
        }
    }
    err_set(err, ERR_INPUT, "pre-tokenizer \"%.*s\" is not supported", SPAN_ARGS(name));
    err_in(err, "tokenizer.ggml.pre");
    err_hint(err, "use the model's Hugging Face folder, whose tokenizer.json says how text is cut");
    return NULL;
}

static void put_split(const char *pattern, struct json_writer *w)
{
    json_begin_object(w);
    json_member_text(w, "type", "Split");
    json_key(w, "pattern");
    json_begin_object(w);
    json_member_text(w, "Regex", pattern);
    json_end(w);
    json_member_text(w, "behavior", "Isolated");
    json_member_bool(w, "invert", false);
    json_end(w);
}

void gguf_pre_put(const struct gguf_pre *pre, bool byte_level, struct json_writer *w)
{
    json_begin_object(w);
    json_member_text(w, "type", "Sequence");
    json_key(w, "pretokenizers");
    json_begin_array(w);
    for (size_t i = 0; i < GGUF_PRE_MOST_PATTERNS && pre->patterns[i]; i++)
        put_split(pre->patterns[i], w);
    if (byte_level) {
        json_begin_object(w);
        json_member_text(w, "type", "ByteLevel");
        json_member_bool(w, "add_prefix_space", false);
        json_member_bool(w, "trim_offsets", true);
        json_member_bool(w, "use_regex", false);
        json_end(w);
    }
    json_end(w);
    json_end(w);
}

/* --------------------------------------------------------------------------------- comparing -- */

/* Contractions with and without capitals, numbers of all lengths, scripts, marks, symbols, blanks
 * and line breaks in every order that the patterns tell apart. */
static const char probe[] =
    "I'm we'LL they'Ve it's 'S 'tis don't  1 12 123 1234 12345 1234567 x1 1x 3.14 ½ ② ٣٤٥٦ "
    "camelCase HTTPServer McDonald ÉCOLE école e\xcc\x81t\xc3\xa9 नमस्ते สวัสดี "
    "中文字符 日本語カタカナ 한국어, русский: ελληνικά! $5+3=8 <a|b>~^`c` (d) [e] {f} \"g\" #h @i _j_ "
    "a/b/\n/c\\d 😀🚀 👩‍👩‍👧 ...!!!\n\n?\r\n;\n \n  \n\t\tz \t y   x\n\n\n   w "
    "end. …。，、。 ？！ « »  tail   \n   ";

static bool cut(const struct pretokenizer *p, struct text *text)
{
    struct err ignored;
    text_set(text, span_of(probe), 0, p->needs_origins);
    return pretokenizer_run(p, text, &ignored);
}

static bool same_pieces(const struct text *a, const struct text *b)
{
    return span_equal(a->bytes, b->bytes) && a->n_pieces == b->n_pieces &&
           memcmp(a->pieces, b->pieces, a->n_pieces * sizeof *a->pieces) == 0;
}

static bool cuts_so(const struct gguf_pre *pre, const struct text *wanted)
{
    struct pretokenizer p = {0};
    struct arena arena = {0};
    struct json_reader r;
    struct err ignored;
    struct buf json;
    struct text text;
    buf_init(&json, BUF_NO_LIMIT);
    text_init(&text);
    gguf_pre_put(pre, true, &(struct json_writer){.out = &json});
    json_open(&r, buf_span(&json), &arena);
    pretokenizer_read(&p, &r);
    bool same = json_close(&r, &ignored) && cut(&p, &text) && same_pieces(&text, wanted);
    pretokenizer_release(&p);
    text_release(&text);
    buf_release(&json);
    arena_release(&arena);
    return same;
}

const struct gguf_pre *gguf_pre_like(const struct pretokenizer *pretokenizer, bool ignore_merges,
                                     bool add_bos)
{
    const struct gguf_pre *found = NULL;
    struct text text;
    text_init(&text);
    bool ok = pretokenizer->byte_level && cut(pretokenizer, &text);
    for (size_t i = 0; ok && i < COUNT_OF(pre_table); i++) {
        const struct gguf_pre *row = &pre_table[i];
        if (row->ignore_merges != ignore_merges || (found && row->add_bos != add_bos) ||
            !cuts_so(row, &text))
            continue;
        if (row->add_bos == add_bos) {
            found = row;
            break;
        }
        found = row;
    }
    text_release(&text);
    return found;
}
