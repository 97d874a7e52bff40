#include "wire.h"

bool read_long_varint(Wire *wire, uint64_t *value) {
    uint64_t found = 0;
    for (int shift = 0; shift < 7 * MAX_VARINT; shift += 7) {
        if (wire->at == wire->end) {
            return false;
        }
        uint8_t byte = *wire->at++;
        found |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = found;
            return true;
        }
    }
    return false;
}
