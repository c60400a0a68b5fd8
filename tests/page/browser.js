// The little of a browser that the page's pure modules touch when they are loaded.

globalThis.location = /** @type {any} */ ({ origin: "http://127.0.0.1:8765", hash: "" });
