declare module '*.sql' {
  /** The file's text. Bundles get it from esbuild's text loader, sources from local/sql-loader.ts. */
  const text: string;
  export default text;
}
