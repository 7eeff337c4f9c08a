// The part of csv-parse/stream that edge/ uses; its own types pull in Node's.
type RecordContext = {
  /** Bytes read up to the end of the record. */
  readonly bytes: number;
  /** Lines read so far. */
  readonly lines: number;
};

export type CsvOptions = {
  readonly bom?: boolean;
  readonly delimiter: string;
  readonly record_delimiter: readonly string[];
  /** Null: quotes are characters like others. */
  readonly quote?: null;
  readonly escape?: null;
  readonly relax_column_count: boolean;
  readonly relax_quotes: boolean;
  readonly skip_empty_lines: boolean;
  readonly max_record_size: number;
  /** Called for each record while its bytes are being written; null keeps it out of the readable side. */
  readonly on_record: (record: string[], context: RecordContext) => null;
};

export function parse(options: CsvOptions): TransformStream<Uint8Array, never>;
