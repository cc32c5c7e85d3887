/* What libtekio_arrow.so exports: Parquet and Arrow IPC files, opened by Arrow C++ and handed over by the Arrow C data
   interface. It is a module of its own so that a program which reads no such file loads nothing of Arrow, and a build
   without Arrow lacks this file alone. Plain C; no exception leaves it. */
#ifndef TEKIO_ARROW_MODULE_MODULE_H
#define TEKIO_ARROW_MODULE_MODULE_H

#include "arrow_module/c_data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Differs where the functions here do. */
#define TEKIO_ARROW_MODULE_VERSION 1

#define TEKIO_ARROW_EXPORT __attribute__((visibility("default")))

typedef struct TekioArrowFile TekioArrowFile;

enum TekioArrowKind {
  TEKIO_ARROW_PARQUET = 1,
  TEKIO_ARROW_IPC = 2 /* a file or a stream, told by its first bytes */
};

/* What went wrong: zero-terminated, cut where it is longer. */
typedef struct TekioArrowError {
  char text[1024];
} TekioArrowError;

typedef struct TekioArrowFacts {
  int64_t rows;
  int64_t groups;     /* what can be read by itself: row groups of Parquet; 1 for IPC */
  int64_t columns;    /* leaves of nested columns, each counted */
  int64_t text_bytes; /* of strings in columns, unpacked, as the file's own figures have it; of IPC: of the file */
  int32_t any_order;  /* groups may be read in any order and by several threads at once */
} TekioArrowFacts;

/* A column by its keys from the outside inwards; no keys: all columns. */
typedef struct TekioArrowColumn {
  const char* const* keys;
  int32_t depth;
} TekioArrowColumn;

typedef struct TekioArrowRequest {
  int64_t first_group, last_group; /* [first, last) */
  TekioArrowColumn column;
  int64_t batch_rows; /* the most rows of one batch, where the file leaves the choice */
  int32_t piecewise;  /* column chunks are read piece by piece rather than whole */
} TekioArrowRequest;

/* TEKIO_ARROW_MODULE_VERSION. */
TEKIO_ARROW_EXPORT int32_t tekio_arrow_module_version(void);
/* Arrow's: "26.0.1". */
TEKIO_ARROW_EXPORT const char* tekio_arrow_library_version(void);

/* Opens a regular file and reads its footer (of a stream: its messages' heads). Returns 0 and fills `file` and `facts`,
   or fills `error`. */
TEKIO_ARROW_EXPORT int32_t tekio_arrow_open(const char* path, int32_t kind, TekioArrowFile** file,
                                            TekioArrowFacts* facts, TekioArrowError* error);
/* Streams that were made of it may live on. */
TEKIO_ARROW_EXPORT void tekio_arrow_close(TekioArrowFile* file);

/* All columns. */
TEKIO_ARROW_EXPORT int32_t tekio_arrow_schema(const TekioArrowFile* file, struct ArrowSchema* schema,
                                              TekioArrowError* error);
/* Rows of one group, and the unpacked bytes of one column or all columns in it. */
TEKIO_ARROW_EXPORT int32_t tekio_arrow_group(const TekioArrowFile* file, int64_t group, const TekioArrowColumn* column,
                                             int64_t* rows, int64_t* bytes, TekioArrowError* error);
/* The rows of some groups in order. One file may be read by several threads at once, each with its own stream; within
   structs there is only the column that was asked for. */
TEKIO_ARROW_EXPORT int32_t tekio_arrow_read(const TekioArrowFile* file, const TekioArrowRequest* request,
                                            struct ArrowArrayStream* stream, TekioArrowError* error);

#ifdef __cplusplus
}
#endif

#endif
