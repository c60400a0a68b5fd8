// What the page's code may not do. Formatting is not checked here.
import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["node_modules/", ".venv/", "build/"] },
  js.configs.recommended,
  {
    files: ["playground/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      curly: "error",
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Words of people go in as text: use el()." },
        { property: "outerHTML", message: "Words of people go in as text: use el()." },
        { property: "insertAdjacentHTML", message: "Words of people go in as text: use el()." },
      ],
    },
  },
  { files: ["tests/**/*.js", "*.js"], languageOptions: { globals: globals.node } },
];
