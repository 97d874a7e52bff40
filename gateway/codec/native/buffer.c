#include "buffer.h"

bool buffer_grow(Buffer *buffer, size_t more) {
    if (more > BUFFER_LIMIT || buffer->length + more > BUFFER_LIMIT) {
        return false;
    }
    size_t wanted = buffer->length + more;
    size_t capacity = buffer->capacity * 2 > wanted ? buffer->capacity * 2 : wanted;
    uint8_t *bytes = realloc(buffer->on_heap ? buffer->bytes : NULL, capacity);
    if (bytes == NULL) {
        return false;
    }
    if (!buffer->on_heap) {
        memcpy(bytes, buffer->bytes, buffer->length);
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    buffer->on_heap = true;
    return true;
}
