/*
 * dataset_chat.h - conversations in data files, in every spelling met there, as one list of
 * messages.
 */
#ifndef PACE_TEXT_DATASET_CHAT_H
#define PACE_TEXT_DATASET_CHAT_H

#include "format/json.h"

struct chat_message {
    struct span role;
    struct span content;
    struct span calls; /* JSON of the tool calls; empty where there are none */
    struct span other; /* further members as JSON: "name": "x", "tool_call_id": "y" */
    bool is_trained;   /* an assistant's turn whose weight is not 0 */
};

/* A conversation being put together. A zeroed struct is empty. */
struct chat_list {
    struct chat_message *messages;
    size_t count;
    size_t room;
    const char *problem; /* the first thing that is wrong, or NULL */
};

/*
 * Appends the messages of a JSON list: OpenAI's (role, content as a string or a list of text parts,
 * tool_calls, function_call, name, weight) or ShareGPT's (from, value). A single message, or a list
 * as text inside a string, is taken as well. All memory is the arena's.
 */
void chat_list_read(struct chat_list *list, struct arena *arena, enum json_type type,
                    struct span text);

/* Appends one message of plain text. */
void chat_list_add(struct chat_list *list, struct arena *arena, const char *role,
                   struct span content);

/* Appends a message as it is. */
void chat_list_append(struct chat_list *list, struct arena *arena,
                      const struct chat_message *message);

/* Messages `from` up to `to` as the JSON that a template reads: [{"role": …, "content": …}, …]. */
struct span chat_list_json(const struct chat_list *list, size_t from, size_t to,
                           struct arena *arena);

/*
 * A data file's tools as the JSON list that a template reads. OpenAI's older `functions` and bare
 * descriptions become {"type": "function", "function": …}. Empty where there are none.
 */
struct span chat_tools_json(struct arena *arena, enum json_type type, struct span text,
                            const char **problem);

#endif
