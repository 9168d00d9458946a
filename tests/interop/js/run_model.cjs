// Runs a TF.js model, graph or layers, with the real TF.js on its CPU backend (NODE_PATH says where that lies):
//   node run_model.cjs MODEL_DIR REQUEST.json ANSWER.json
// REQUEST: {"inputs": {name: {dtype, shape, file: raw little-endian bytes}}, "out": folder, "time": once more, timed}
// ANSWER: {"outputs": {name: {dtype, shape, file}}, "metadata": userDefinedMetadata, "seconds": of the second run}
'use strict';
const fs = require('fs');
const path = require('path');
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');

const arrays = {float32: Float32Array, int32: Int32Array, bool: Uint8Array};

function fromFolder(folder) {
  return {
    load: async () => {
      const json = JSON.parse(fs.readFileSync(path.join(folder, 'model.json'), 'utf8'));
      const paths = json.weightsManifest.flatMap(group => group.paths);
      const all = Buffer.concat(paths.map(p => fs.readFileSync(path.join(folder, p))));
      return {
        ...json,
        weightSpecs: json.weightsManifest.flatMap(group => group.weights),
        weightData: all.buffer.slice(all.byteOffset, all.byteOffset + all.byteLength),
      };
    },
  };
}

function isGraph(folder) {
  const json = JSON.parse(fs.readFileSync(path.join(folder, 'model.json'), 'utf8'));
  return json.format ? json.format === 'graph-model' : 'node' in json.modelTopology;
}

function readInput(spec) {
  const bytes = fs.readFileSync(spec.file);
  const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return tf.tensor(new arrays[spec.dtype](own), spec.shape, spec.dtype);
}

async function main(folder, requestPath, answerPath) {
  await tf.setBackend('cpu');
  const request = JSON.parse(fs.readFileSync(requestPath, 'utf8'));
  const graph = isGraph(folder);
  const load = graph ? require('@tensorflow/tfjs-converter').loadGraphModel
                     : require('@tensorflow/tfjs-layers').loadLayersModel;
  const model = await load(fromFolder(folder));
  const inputs = {};
  for (const [name, spec] of Object.entries(request.inputs)) inputs[name] = readInput(spec);
  const names = Object.keys(inputs);
  const argument = names.length === 1 ? inputs[names[0]] : graph ? inputs : names.map(name => inputs[name]);
  const run = async () => {
    const result = graph ? await model.predictAsync(argument) : model.predict(argument);
    return result instanceof tf.Tensor ? [result] : Array.isArray(result) ? result : Object.values(result);
  };
  let results = await run();
  const start = performance.now();
  if (request.time) results = await run();
  const seconds = (performance.now() - start) / 1000;
  const keys = graph ? Object.keys(model.modelSignature?.outputs ?? {}) : model.outputNames;
  const outputs = {};
  for (let i = 0; i < results.length; i++) {
    const file = path.join(request.out, `out${i}.bin`);
    const values = arrays[results[i].dtype].from(await results[i].data()); // a cast may have left another kind of array
    fs.writeFileSync(file, Buffer.from(values.buffer));
    outputs[keys[i] ?? model.outputs[i].name] = {dtype: results[i].dtype, shape: results[i].shape, file};
  }
  const answer = {outputs, metadata: graph ? model.metadata : null, seconds, version: tf.version_core};
  fs.writeFileSync(answerPath, JSON.stringify(answer));
}

main(...process.argv.slice(2)).catch(error => {
  console.error(error);
  process.exit(1);
});
