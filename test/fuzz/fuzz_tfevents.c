/*
 * fuzz_tfevents.c - any bytes end in scalars or an error, within a multiple of their size in
 * memory. Checksums would hide the messages from the fuzzer, so where the first byte is odd the
 * rest becomes the data of one record.
 */
#include "fuzz.h"

#include "format/tfevents.h"

static uint32_t masked_crc(struct span bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= bytes.at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static void wrap(struct buf *out, struct span data)
{
    buf_add_u64_le(out, data.len);
    buf_add_u32_le(out, masked_crc(buf_span(out)));
    buf_add(out, data);
    buf_add_u32_le(out, masked_crc(data));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    struct tfevents t;
    struct tfevents_point point;
    struct err err = {0};
    struct buf record;
    struct span rest = {bytes + 1, len - 1};
    buf_init(&record, BUF_NO_LIMIT);
    if (bytes[0] & 1)
        wrap(&record, rest);
    tfevents_open_bytes(&t, bytes[0] & 1 ? buf_span(&record) : rest);
    bool ok = true;
    for (bool more = true; ok && more;) {
        ok = tfevents_next(&t, &point, &more, &err);
        CHECK(t.event.total_bytes <= 160 * len + (1 << 20));
    }
    CHECK(ok || err.kind == ERR_INPUT);
    CHECK(t.is_cut || !ok || cursor_left(&t.rest) == 0);
    tfevents_close(&t);
    buf_release(&record);
    return 0;
}
