/* The whole transcoder as one unit: so every compiler sees through the calls between its files, which is worth a tenth.
 * To optimize at link time would do the same, but not all of them can. */
#include "rows.h"

#include "buffer.c"
#include "dump.c"
#include "dump_scalar.c"
#include "dump_well_known.c"
#include "json_reader.c"
#include "json_value.c"
#include "number.c"
#include "parse.c"
#include "parse_scalar.c"
#include "parse_well_known.c"
#include "rows.c"
#include "table.c"
#include "text.c"
#include "times.c"
#include "wire.c"

#include "module.c"
