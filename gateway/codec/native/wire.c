#include "wire.h"

Varint read_long_varint(const uint8_t *at, const uint8_t *end) {
    uint64_t found = 0;
    for (int shift = 0; shift < 7 * MAX_VARINT && at < end; shift += 7) {
        uint8_t byte = *at++;
        found |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return (Varint){at, found};
        }
    }
    return (Varint){NULL, 0};
}
