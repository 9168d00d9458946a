// Runs a TF.js model with the real TF.js on its CPU backend:
//   node run_model.mjs MODEL_DIR REQUEST.json OUT.json
// REQUEST: {"inputs": {name: {"dtype": "float32", "shape": [...], "file": "raw little-endian bytes"}}, "out": FOLDER}
// OUT: {"outputs": {name: {"dtype", "shape", "file"}}, "metadata": userDefinedMetadata, "seconds": of the second run}
import fs from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import {loadGraphModel} from '@tensorflow/tfjs-converter';

const [dir, requestPath, outPath] = process.argv.slice(2);
const arrays = {float32: Float32Array, int32: Int32Array, bool: Uint8Array};

function fileHandler(directory) {
  return {
    load: async () => {
      const json = JSON.parse(fs.readFileSync(path.join(directory, 'model.json'), 'utf8'));
      const shards = json.weightsManifest.flatMap(g => g.paths).map(p => fs.readFileSync(path.join(directory, p)));
      const all = Buffer.concat(shards);
      return {
        ...json,
        weightSpecs: json.weightsManifest.flatMap(g => g.weights),
        weightData: all.buffer.slice(all.byteOffset, all.byteOffset + all.byteLength),
      };
    },
  };
}

await tf.setBackend('cpu');
const request = JSON.parse(fs.readFileSync(requestPath, 'utf8'));
const model = await loadGraphModel(fileHandler(dir));
const inputs = {};
for (const [name, spec] of Object.entries(request.inputs)) {
  const bytes = fs.readFileSync(spec.file);
  const values = new arrays[spec.dtype](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  inputs[name] = tf.tensor(values, spec.shape, spec.dtype);
}
const names = Object.keys(inputs);
const argument = names.length === 1 ? inputs[names[0]] : inputs;
const run = async () => {
  const result = await model.predictAsync(argument);
  return result instanceof tf.Tensor ? [result] : Array.isArray(result) ? result : Object.values(result);
};
const results = await run();
const start = performance.now();
if (request.time) await run();
const seconds = (performance.now() - start) / 1000;
const keys = Object.keys(model.modelSignature?.outputs ?? {});
const outputs = {};
for (let i = 0; i < results.length; i++) {
  const file = path.join(request.out, `out${i}.bin`);
  const values = arrays[results[i].dtype].from(await results[i].data()); // a cast may have left another array
  fs.writeFileSync(file, Buffer.from(values.buffer));
  outputs[keys[i] ?? model.outputs[i].name] = {dtype: results[i].dtype, shape: results[i].shape, file};
}
fs.writeFileSync(outPath, JSON.stringify({outputs, metadata: model.metadata, seconds,
                                          version: tf.version_core}));
