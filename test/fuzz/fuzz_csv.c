/*
 * fuzz_csv.c - any bytes end in rows or an error; rows never hold more than the file, and their
 * lines never go back. The first byte chooses the delimiter.
 */
#include "fuzz.h"

#include "format/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct csv c;
    struct csv_row row;
    struct err err = {0};
    if (len == 0)
        return 0;
    struct span text = {bytes + 1, len - 1};
    if (!csv_open_bytes(&c, text, bytes[0] & 1 ? '\t' : ',', 100, &err)) {
        CHECK(err.kind == ERR_INPUT);
        return 0;
    }
    bool ok, more = true;
    uint64_t line = 0;
    size_t held = 0;
    while ((ok = csv_next(&c, &row, &more, &err)) && more) {
        CHECK(row.n_fields > 0 && row.line >= line);
        line = row.line;
        for (size_t i = 0; i < row.n_fields; i++)
            held += row.fields[i].len;
        if (!csv_check_row(&c, &row, &err))
            CHECK(row.n_fields != c.n_columns);
    }
    CHECK(held <= len + 1);
    CHECK(ok || err.kind == ERR_INPUT);
    csv_close(&c);
    return 0;
}
