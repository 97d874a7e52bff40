#include "table.h"

struct Block {
    Block *next;
    max_align_t content[];
};

void *table_allocate(Table *table, size_t count, size_t size) {
    if (count > BUFFER_LIMIT / size) {
        return NULL;
    }
    Block *block = calloc(1, sizeof(Block) + count * size);
    if (block == NULL) {
        return NULL;
    }
    block->next = table->blocks;
    table->blocks = block;
    return block->content;
}

void table_free(Table *table) {
    for (Block *block = table->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    table->blocks = NULL;
}

static uint32_t hash(Slice word) {
    /* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
    uint32_t found = 2166136261u;
    for (size_t i = 0; i < word.length; i++) {
        found = (found ^ word.at[i]) * 16777619u;
    }
    return found;
}

bool words_open(Table *table, Words *words, size_t count) {
    /* At least half of the places stay free, so that every search ends. */
    size_t places = 4;
    while (places < 2 * count) {
        places *= 2;
    }
    words->mask = (uint32_t)(places - 1);
    words->places = table_allocate(table, places, sizeof(Word));
    return words->places != NULL;
}

void add_word(Words *words, Slice word, int32_t meaning) {
    uint32_t place = hash(word) & words->mask;
    while (words->places[place].word.length > 0) {
        place = (place + 1) & words->mask;
    }
    words->places[place] = (Word){word, meaning};
}

const Word *find_word(const Words *words, Slice word) {
    for (uint32_t place = hash(word) & words->mask;; place = (place + 1) & words->mask) {
        const Word *found = &words->places[place];
        if (found->word.length == 0) {
            return NULL;
        }
        if (slices_equal(found->word, word)) {
            return found;
        }
    }
}

const Field *find_number(const Message *message, uint64_t number, size_t *expected) {
    size_t low = 0, high = message->field_count, place = *expected < high ? *expected : 0;
    while (low < high) {
        const Field *field = &message->fields[message->by_number[place]];
        if (field->number == number) {
            *expected = place + 1;
            return field;
        }
        if (field->number < number) {
            low = place + 1;
        } else {
            high = place;
        }
        place = low + (high - low) / 2;
    }
    return NULL;
}

const Slice *find_text(const Enum *values, int32_t number) {
    /* Mostly the numbers are those from 0 on. */
    size_t low = 0, high = values->count, place = number >= 0 && (size_t)number < high ? (size_t)number : high / 2;
    while (low < high) {
        if (values->numbers[place] == number) {
            return &values->texts[place];
        }
        if (values->numbers[place] < number) {
            low = place + 1;
        } else {
            high = place;
        }
        place = low + (high - low) / 2;
    }
    return NULL;
}
