/** Bounds of tables that come in and go out. What is read is never trusted to be as large as it says. */

/** Head of a list that is looked at before it is accepted. */
export const HEAD_BYTES = 65_536;
/** Records of the head that dialect and columns are judged by. */
export const SAMPLE_ROWS = 500;
/** Rows of a preview, and characters shown of one cell. */
export const PREVIEW_ROWS = 20;
export const PREVIEW_CELL_CHARS = 200;

/** Pieces in which bytes reach a parser: bounds what one step may yield. */
export const PIECE_BYTES = 65_536;
/** Compressed bytes inflated in one step; deflate yields at most 1,032 times as much (RFC 1951), so 4 MB here. */
export const INFLATE_PIECE_BYTES = 4_096;
/** Bytes of a sheet in one step: 400 cells at most, each of which may refer to the longest shared string. */
export const SHEET_PIECE_BYTES = 8_192;

/** Rows of one list. */
export const ROWS_MAX = 5_000_000;
/** Columns of one list: wide exports have a few hundred. */
export const COLUMNS_MAX = 1_000;
/** One cell, in UTF-16 units: what Excel allows, and one. */
export const CELL_MAX_CHARS = 32_768;
/** One record: beyond it a quote was left open or the file is no table. Of a workbook's row: characters. */
export const RECORD_MAX_BYTES = 262_144;
/** A cell that may be an address: 254 characters, and a name before it. */
export const ADDRESS_CELL_MAX_CHARS = 500;
/** Lists and objects in each other in one JSON value. */
export const JSON_DEPTH_MAX = 64;
/** A column's name as it is stored and shown, in UTF-16 units. */
export const COLUMN_NAME_MAX_CHARS = 200;
/** Rows of one batch, and the bytes after which a batch ends with fewer of them. */
export const BATCH_ROWS = 5_000;
export const BATCH_MAX_BYTES = 4_000_000;
/** Unpacked bytes of a gzip file. Its ratio says nothing: the same address a million times packs 1,000 to 1. */
export const GUNZIP_MAX_BYTES = 2_000_000_000;

/** Entries of a workbook's archive: real ones have tens. */
export const ZIP_ENTRIES_MAX = 5_000;
/** The archive's directory, which is held in memory. */
export const ZIP_DIRECTORY_MAX_BYTES = 2_000_000;
/** Unpacked bytes of all parts of a workbook that are read, and of one part that is held (its list of sheets, its styles). */
export const WORKBOOK_MAX_BYTES = 2_000_000_000;
export const WORKBOOK_PART_MAX_BYTES = 4_000_000;
/** A large part that unpacks to more than this many times its size is a bomb: real sheets stay below 200. */
export const WORKBOOK_RATIO_MAX = 500;
export const WORKBOOK_RATIO_FREE_BYTES = 10_000_000;
/** Text of all shared strings, UTF-8, held in memory while a sheet is read; a Worker has 128 MB. */
export const SHARED_STRINGS_MAX_BYTES = 48_000_000;
export const SHARED_STRINGS_MAX = 4_000_000;
/** The same with its markup. */
export const SHARED_STRINGS_XML_MAX_BYTES = 256_000_000;
/** Bytes of a sheet that are looked at for its first rows. */
export const SHEET_HEAD_BYTES = 8_000_000;
/** A number format; Excel itself stops at 255. */
export const NUMBER_FORMAT_MAX_CHARS = 500;
/** One tag or one run of text in a workbook's XML: the longest cell with every character escaped. */
export const XML_TOKEN_MAX_CHARS = 400_000;
/** Sheets that are looked through for a column of addresses. */
export const SHEETS_TRIED_MAX = 10;
/** Styles whose number format is known; Excel itself stops at 65,490. */
export const STYLES_MAX = 70_000;

/** Rows of one sheet that Excel opens; the rest goes to the next sheet. */
export const SHEET_MAX_ROWS = 1_048_576;
/** Text of one sheet that is written: zip without its 64-bit extension ends at 4 GiB. */
export const SHEET_MAX_BYTES = 3_500_000_000;
/** Characters of one cell that Excel opens. */
export const SHEET_CELL_MAX_CHARS = 32_767;
