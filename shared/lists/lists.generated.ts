export const DISPOSABLE: { size: number; lowBits: number; data: string } = { size: 0, lowBits: 28, data: "" };
export const FREE: { size: number; lowBits: number; data: string } = { size: 0, lowBits: 28, data: "" };
export const SOURCES: readonly { name: string; version: string; licence: string; used: number }[] = [];
